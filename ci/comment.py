#!/usr/bin/env python3
"""Leaves a Markdown file as one comment on a pull request, or puts it in the place of the one that is there.

    ci/comment.py FILE [--name NAME]

Where and on what it finds in the variables of GitHub Actions or of GitLab's jobs. NAME tells apart
comments of several jobs on one pull request. It needs a token that may write comments:
GITHUB_TOKEN, with `permissions: pull-requests: write`, or GITLAB_TOKEN, an access token
of the project with the scope `api`. Exit code 0: it is there, or there is no pull request; 1: it
could not be left, and why. Nothing but Python's standard library is used.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TRIES = 3
PER_PAGE = 100


class CannotComment(Exception):
    """What went wrong, and what to do."""


class Forge:
    """What the two forges have in common: pages of comments, of which one may be ours."""

    #: Most characters of a comment.
    longest: int
    #: What a token needs, for messages.
    right: str

    def __init__(self, api: str, headers: dict[str, str]):
        self.api = api.rstrip("/")
        self.headers = headers

    def ask(self, method: str, path: str, content: dict | None = None):
        """The answer to a request. One that changes nothing if it is made twice is tried again where the
        server or the way to it is at fault."""
        request = urllib.request.Request(
            self.api + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Accept": "application/json", "Content-Type": "application/json", **self.headers},
        )
        tries = 1 if method == "POST" else TRIES
        for trial in range(1, tries + 1):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code < 500 or trial == tries:
                    raise CannotComment(self.why(method, path, error)) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                if trial == tries:
                    raise CannotComment(f"no answer from {self.api}: {error}") from error
            time.sleep(trial)
        raise AssertionError("the last trial returns or raises")

    def why(self, method: str, path: str, error: urllib.error.HTTPError) -> str:
        """What a refusal means."""
        advice = f"; the token needs {self.right}" if error.code in (401, 403, 404) else ""
        return f"{method} {self.api}{path}: {error.code} {error.reason}{advice}"

    def comments(self):
        """All comments, page by page."""
        page = 1
        while True:
            found = self.ask("GET", f"{self.place()}?per_page={PER_PAGE}&page={page}")
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise CannotComment(f"{self.api}{self.place()} answers with no list of comments")
            yield from found
            if len(found) < PER_PAGE:
                return
            page += 1

    def leave(self, text: str, marker: str) -> str:
        """Leaves or replaces the comment that begins with the marker; what was done."""
        mine = self.me()
        for trial in range(1, TRIES + 1):
            for comment in self.comments():
                # Another's comment may quote the marker, and is another's.
                if (comment.get("body") or "").startswith(marker) and self.author(comment) == mine:
                    self.replace(comment["id"], text)
                    return "left a comment" if trial > 1 else "updated the comment"
            try:
                self.ask("POST", self.place(), {"body": text})
                return "left a comment"
            except CannotComment as error:
                # A server at fault may have kept it all the same: that is looked for.
                code = getattr(error.__cause__, "code", 500)
                if code < 500 or trial == TRIES:
                    raise
                time.sleep(trial)
        raise AssertionError("the last trial returns or raises")

    def place(self) -> str:
        """Path of the comments."""
        raise NotImplementedError

    def me(self):
        """Who the token is."""
        raise NotImplementedError

    def author(self, comment: dict):
        """Who wrote a comment."""
        raise NotImplementedError

    def replace(self, comment: int, text: str):
        """Gives a comment another text."""
        raise NotImplementedError


class GitHub(Forge):
    longest = 65_536
    right = "`permissions: pull-requests: write` (a pull request from a fork has no such token)"
    #: Whose the token of a workflow is, which may not ask who it is.
    of_workflows = "github-actions[bot]"

    def __init__(self, variables, number: int):
        token = required(variables, "GITHUB_TOKEN")
        super().__init__(
            variables.get("GITHUB_API_URL", "https://api.github.com"),
            {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"},
        )
        self.repository, self.number = required(variables, "GITHUB_REPOSITORY"), number

    @staticmethod
    def pull_request(variables) -> int | None:
        """Its number, of the event that started the workflow."""
        try:
            with open(required(variables, "GITHUB_EVENT_PATH"), encoding="utf-8") as file:
                event = json.load(file)
        except (OSError, ValueError) as error:
            raise CannotComment(f"cannot read the event in GITHUB_EVENT_PATH: {error}") from error
        pull_request = event.get("pull_request") if isinstance(event, dict) else None
        return pull_request.get("number") if isinstance(pull_request, dict) else None

    def place(self):
        return f"/repos/{self.repository}/issues/{self.number}/comments"

    def me(self):
        try:
            return self.ask("GET", "/user")["login"]
        except CannotComment as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 403:
                return self.of_workflows
            raise

    def author(self, comment):
        return (comment.get("user") or {}).get("login")

    def replace(self, comment, text):
        self.ask("PATCH", f"/repos/{self.repository}/issues/comments/{comment}", {"body": text})


class GitLab(Forge):
    longest = 1_000_000
    right = "the scope `api`, and the role Reporter or more"

    def __init__(self, variables, number: int):
        token = required(variables, "GITLAB_TOKEN")
        super().__init__(required(variables, "CI_API_V4_URL"), {"PRIVATE-TOKEN": token})
        project = urllib.parse.quote(required(variables, "CI_PROJECT_ID"), safe="")
        self.notes = f"/projects/{project}/merge_requests/{number}/notes"

    @staticmethod
    def pull_request(variables) -> int | None:
        """The merge request's number, where the job is of one."""
        number = variables.get("CI_MERGE_REQUEST_IID")
        return int(number) if number else None

    def place(self):
        return self.notes

    def me(self):
        return self.ask("GET", "/user")["id"]

    def author(self, comment):
        return (comment.get("author") or {}).get("id")

    def replace(self, comment, text):
        self.ask("PUT", f"{self.notes}/{comment}", {"body": text})


def required(variables, name: str) -> str:
    """A variable that must be there."""
    value = variables.get(name)
    if not value:
        raise CannotComment(f"the variable {name} is not set")
    return value


def fitted(text: str, longest: int) -> str:
    """The text, or as many whole lines of it as fit, and that it goes on."""
    if len(text) <= longest:
        return text
    end = "\n\n*The rest does not fit a comment; the job's files have all of it.*\n"
    kept = text[: longest - len(end)]
    # The marker is a line, and a comment is more than that.
    lines = kept.rfind("\n")
    return (kept[:lines] if lines > longest // 2 else kept) + end


def comment(file: str, name: str, variables) -> str:
    """Leaves the file as a comment; what was done."""
    if variables.get("GITHUB_ACTIONS"):
        forge = GitHub
    elif variables.get("GITLAB_CI"):
        forge = GitLab
    else:
        raise CannotComment("neither GitHub Actions nor a job of GitLab: their variables are not set")
    number = forge.pull_request(variables)
    if number is None:
        return "no pull request, so no comment"
    try:
        with open(file, encoding="utf-8") as read:
            text = read.read()
    except (OSError, ValueError) as error:
        raise CannotComment(f"cannot read {file}: {error}") from error
    marker = f"<!-- trainmark comment: {name} -->"
    return forge(variables, number).leave(fitted(f"{marker}\n{text}", forge.longest), marker)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--name", default="benchmark", help="tells apart comments of several jobs [%(default)s]")
    arguments = parser.parse_args()
    try:
        print(comment(arguments.file, arguments.name, os.environ))
    except CannotComment as error:
        print(f"error: no comment could be left: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
