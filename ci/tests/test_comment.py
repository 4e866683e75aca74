"""comment.py against a pretended forge on this machine."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PROGRAM = Path(__file__).parent.parent / "comment.py"
MARKER = "<!-- trainmark comment: benchmark -->\n"


class Forge:
    """Keeps comments as GitHub and GitLab do; `failures` are the codes with which it begins."""

    def __init__(self, author: str, me: str | int, user_refused: int | None = None, failures=()):
        self.comments, self.requests, self.failures = [], [], list(failures)
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                content = json.loads(self.rfile.read(length)) if length else None
                url = urlsplit(self.path)
                forge.requests.append((self.command, url.path))
                if forge.failures:
                    failure = forge.failures.pop(0)
                    if failure == "kept" and self.command != "POST":
                        forge.failures.insert(0, failure)
                    elif failure == "kept":
                        forge.add(content["body"], me)
                        return self.send_error(502)
                    else:
                        return self.send_error(failure)
                if url.path == "/user":
                    if user_refused:
                        return self.send_error(user_refused)
                    return self.answer({"login": me, "id": me})
                if self.command == "GET":
                    query = parse_qs(url.query)
                    size, page = int(query["per_page"][0]), int(query["page"][0])
                    return self.answer(forge.comments[(page - 1) * size : page * size])
                if self.command == "POST":
                    forge.add(content["body"], me)
                    return self.answer(forge.comments[-1])
                number = int(url.path.rsplit("/", 1)[1])
                [found] = [one for one in forge.comments if one["id"] == number]
                found["body"] = content["body"]
                return self.answer(found)

            do_GET = do_POST = do_PATCH = do_PUT = handle_any

            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.author = author
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, body, writer):
        name = {"login": writer, "id": writer}
        self.comments.append({"id": len(self.comments) + 1, "body": body, self.author: name})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Comments(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "comment.md"
        self.file.write_text("as fast\n", encoding="utf-8")

    def forge(self, *arguments, **options):
        forge = Forge(*arguments, **options)
        self.addCleanup(forge.close)
        return forge

    def comment(self, variables, *arguments):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, PROGRAM, self.file, *arguments],
            env={**kept, "no_proxy": "127.0.0.1", **variables}, capture_output=True, text=True, timeout=60,
        )

    def github(self, forge, event=None):
        path = self.folder / "event.json"
        path.write_text(json.dumps({"pull_request": {"number": 7}} if event is None else event), encoding="utf-8")
        return {
            "GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.address, "GITHUB_REPOSITORY": "me/it",
            "GITHUB_EVENT_PATH": str(path), "GITHUB_TOKEN": "secret",
        }

    def gitlab(self, forge):
        return {
            "GITLAB_CI": "true", "CI_API_V4_URL": forge.address, "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "7", "GITLAB_TOKEN": "secret",
        }

    def test_github_gets_one_comment_that_is_updated(self):
        forge = self.forge("user", "github-actions[bot]", user_refused=403)
        variables = self.github(forge)
        self.assertEqual(self.comment(variables).stdout, "left a comment\n")
        self.file.write_text("slower\n", encoding="utf-8")
        self.assertEqual(self.comment(variables).stdout, "updated the comment\n")
        self.assertEqual([one["body"] for one in forge.comments], [MARKER + "slower\n"])
        self.assertEqual(forge.requests[-1], ("PATCH", "/repos/me/it/issues/comments/1"))
        self.assertEqual(self.comment(variables, "--name", "gpu").stdout, "left a comment\n")
        self.assertEqual(len(forge.comments), 2, "another job's is another comment")

    def test_gitlab_gets_one_comment_that_is_updated_behind_many_others(self):
        forge = self.forge("author", 4)
        for number in range(150):
            forge.add(f"{number}", 5)
        forge.add(MARKER + "of somebody else, who quotes it", 5)
        variables = self.gitlab(forge)
        self.assertEqual(self.comment(variables).stdout, "left a comment\n")
        self.file.write_text("slower\n", encoding="utf-8")
        self.assertEqual(self.comment(variables).stdout, "updated the comment\n")
        self.assertEqual([one["body"] for one in forge.comments[150:]],
                         [MARKER + "of somebody else, who quotes it", MARKER + "slower\n"])
        self.assertEqual(forge.requests[-1], ("PUT", "/projects/3/merge_requests/7/notes/152"))

    def test_without_a_pull_request_there_is_nothing_to_do(self):
        forge = self.forge("user", "me")
        done = self.comment(self.github(forge, {"ref": "refs/heads/main"}))
        self.assertEqual((done.returncode, done.stdout), (0, "no pull request, so no comment\n"))
        variables = self.gitlab(forge)
        del variables["CI_MERGE_REQUEST_IID"]
        self.assertEqual(self.comment(variables).stdout, "no pull request, so no comment\n")
        self.assertEqual(forge.requests, [])

    def test_a_passing_fault_of_the_server_is_outlived(self):
        forge = self.forge("user", "me", failures=[502])
        self.assertEqual(self.comment(self.github(forge)).stdout, "left a comment\n")

    def test_a_comment_that_was_kept_all_the_same_is_not_left_twice(self):
        forge = self.forge("user", "me", failures=["kept"])
        self.assertEqual(self.comment(self.github(forge)).stdout, "left a comment\n")
        self.assertEqual([one["body"] for one in forge.comments], [MARKER + "as fast\n"])

    def test_answers_of_another_shape_are_no_traceback(self):
        forge = self.forge("user", "me")
        forge.comments = [{"id": 1, "body": None, "user": None}]
        self.assertEqual(self.comment(self.github(forge)).stdout, "left a comment\n")
        forge.comments = ["text"]
        self.assertIn("answers with no list of comments", self.comment(self.github(forge)).stderr)
        self.assertEqual(self.comment(self.github(forge, [])).stdout, "no pull request, so no comment\n")

    def test_a_refusal_says_what_the_token_needs(self):
        forge = self.forge("user", "me", failures=[401])
        done = self.comment(self.github(forge))
        self.assertEqual(done.returncode, 1)
        self.assertIn("401", done.stderr)
        self.assertIn("pull-requests: write", done.stderr)
        self.assertNotIn("secret", done.stderr + done.stdout)

    def test_what_is_missing_is_named(self):
        forge = self.forge("user", "me")
        for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH"):
            variables = self.github(forge)
            del variables[name]
            done = self.comment(variables)
            self.assertEqual(
                (done.returncode, done.stderr),
                (1, f"error: no comment could be left: the variable {name} is not set\n"),
            )
        done = self.comment({})
        self.assertIn("neither GitHub Actions nor a job of GitLab", done.stderr)
        self.file.unlink()
        self.assertIn("cannot read", self.comment(self.github(forge)).stderr)

    def test_what_is_too_long_ends_with_a_whole_line(self):
        forge = self.forge("user", "me")
        self.file.write_text("a line of it\n" * 10_000, encoding="utf-8")
        self.assertEqual(self.comment(self.github(forge)).returncode, 0)
        [body] = [one["body"] for one in forge.comments]
        self.assertLessEqual(len(body), 65_536)
        self.assertIn("a line of it\n\n*The rest does not fit", body)
        self.file.write_text("x" * 200_000, encoding="utf-8")
        self.assertEqual(self.comment(self.github(forge)).returncode, 0)
        self.assertGreater(len(forge.comments[0]["body"]), 60_000, "one line, cut")


if __name__ == "__main__":
    unittest.main()
