//! docs/writing-a-backend.md: its commands do what the page says, in its order.

use std::process::Command;

use trainmark_tests::{Checkout, python_packages, repository_root, skip};

/// A command of the page, and the lines that it shows of what is printed.
struct Step<'p> {
    line: &'p str,
    code: i32,
    shown: Vec<&'p str>,
}

/// What stands in the page's console blocks, in order.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let blocks = page.split("```console\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        if let Some(command) = line.strip_prefix("$ ") {
            let (line, code) = command.split_once("# exit code ").unwrap_or((command, "0"));
            steps.push(Step { line: line.trim(), code: code.trim().parse().unwrap(), shown: Vec::new() });
        } else {
            steps.last_mut().expect("a block begins with a command").shown.push(line);
        }
    }
    steps
}

/// Whether the lines are printed in this order, with others in between; `…` stands for
/// the rest of a line.
fn is_printed(shown: &[&str], printed: &str) -> bool {
    let mut lines = printed.lines();
    shown.iter().all(|wanted| match wanted.split_once("  …") {
        Some((start, _)) => lines.any(|line| line.starts_with(start)),
        None => lines.any(|line| line == *wanted),
    })
}

#[test]
fn the_page_leads_from_nothing_to_a_benchmark() {
    for tool in ["bash", "cc"] {
        if Command::new(tool).arg("--version").output().is_err() {
            skip(tool, &format!("{tool} cannot be run, and the page's commands need it"));
            return;
        }
    }
    let packages = "harness/src/scaffold/templates/python/requirements.txt";
    if python_packages(&repository_root().join(packages)).is_none() {
        return;
    }
    let page = std::fs::read_to_string(repository_root().join("docs/writing-a-backend.md")).unwrap();
    let checkout = Checkout::new();
    let steps = steps(&page);
    for command in ["new-backend", "list", "check", "bench", "report"] {
        assert!(steps.iter().any(|step| step.line.contains(command)), "the page shows {command}");
    }
    for Step { line, code, shown } in steps {
        let finished = checkout.shell(line).run();
        let printed = format!("{}\n{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code, Some(code), "$ {line}\n{printed}");
        assert!(is_printed(&shown, &printed), "$ {line}\nthe page shows {shown:#?}, printed is\n{printed}");
    }
}
