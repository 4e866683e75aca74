//! All goes well.

use trainmark_tests::{Cluster, RunFolder, invoke};

use super::{assert_nothing_lost, nodes, on, resume};

#[test]
fn rounds_run_on_four_nodes_and_the_record_has_them_all() {
    let Some(cluster) = Cluster::start(4) else { return };
    let out = tempfile::tempdir().unwrap();
    // So slow that no node has ended its first round before each has one.
    let slow = on(&cluster, out.path()).args(["--seeds", "5", "--epochs", "2"]).hostile("slow");
    let finished = slow.run().expect(0);
    let run = RunFolder::only(out.path());
    run.assert_complete(5, 2);
    assert_nothing_lost(&run);
    let mut nodes = nodes(&run);
    nodes.sort_unstable();
    let seeds: Vec<u64> = nodes.iter().map(|(seed, _)| *seed).collect();
    assert_eq!(seeds, [1, 2, 3, 4, 5]);
    let mut names: Vec<String> = nodes.into_iter().map(|(_, node)| node).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["node1", "node2", "node3", "node4"]);

    let events = run.events();
    let audited: Vec<_> = events.iter().filter(|event| event["event"] == "audited").collect();
    assert_eq!(audited.len(), 1, "one run of the cell, whatever round it is of");
    assert_eq!(audited[0]["outcome"], "ok");
    assert_eq!(events.last().unwrap()["outcome"], "complete");
    // The fifth round has waited for a node: what is checked there was checked before.
    let checked = std::fs::read_dir(run.path.join("slurm")).unwrap().map(|entry| entry.unwrap().path());
    let outputs = checked.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("round-"));
    let checks =
        outputs.filter(|path| std::fs::read_to_string(path).unwrap().contains("computes the same function"));
    assert_eq!(checks.count(), 4);
    for told in ["submitted 5 rounds as job", "runs on node", "[5/5] softmax hostile/none@cpu"] {
        assert!(finished.stderr.contains(told), "{told}: {}", finished.stderr);
    }
    // The report speaks of the nodes, which are alike.
    let page = run.read("report.html");
    assert!(!page.contains("nodes differ"));

    // Nothing is left to do: no job is submitted.
    let finished = resume(&cluster, &run).run().expect(0);
    assert!(!finished.stderr.contains("submitted"), "{}", finished.stderr);
    run.assert_complete(5, 2);
    let again = invoke(["report"]).args([&run.path]).run().expect(0);
    assert!(again.stdout.contains("5 of 5"), "{}", again.stdout);
}
