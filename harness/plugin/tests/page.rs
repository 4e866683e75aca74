//! docs/writing-a-backend.md shows files as they are.

use std::path::Path;

fn read(path: &str) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(repository.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn code_on_the_page_is_code_that_is_tested() {
    let page = read("docs/writing-a-backend.md");
    for (path, language) in [
        ("harness/plugin/examples/softmax/lib.rs", "rust"),
        ("harness/plugin/python/examples/softmax.py", "python"),
        ("harness/plugin/examples/c-reference/backend.toml", "toml"),
    ] {
        let block = format!("<!-- {path} -->\n```{language}\n{}\n```\n", read(path).trim_end());
        assert!(page.contains(&block), "the page shows another {path}: paste the file into its block");
    }
}

#[test]
fn the_page_names_every_status() {
    let (page, header) = (read("docs/writing-a-backend.md"), read("harness/plugin/include/trainmark.h"));
    let (_, statuses) = header.split_once("#define TM_OK").expect("the statuses end the header");
    let names = statuses.lines().filter_map(|line| line.strip_prefix("#define ")?.split(' ').next());
    let statuses: Vec<_> = names.filter(|name| *name != "TM_EXPORT").collect();
    assert_eq!(statuses.len(), 6, "all but TM_OK: {statuses:?}");
    for status in statuses {
        assert!(page.contains(&format!("| `{status}` |")), "the page's table lacks {status}");
    }
}
