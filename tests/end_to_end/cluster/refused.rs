//! What cannot be done on a cluster, or on one of its nodes.

use trainmark_tests::{Cluster, RunFolder, bench, hostile, invoke};

use super::on;

#[test]
fn without_slurm_it_is_said_where_to_go() {
    let out = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let told = bench(out.path(), [hostile()])
        .args(["--executor", "slurm"])
        .env("PATH", empty.path())
        .run()
        .refusal();
    assert!(
        told.starts_with(
            "error: --executor slurm needs Slurm's sbatch, which cannot be run here: call trainmark on a machine of the \
             cluster that jobs are submitted from"
        ),
        "{told}"
    );
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "nothing was begun");
}

/// The folder of runs is on the disk of this machine alone.
#[test]
fn a_node_that_does_not_see_the_run_folder_is_named() {
    let Some(cluster) = Cluster::start(1) else { return };
    let out = tempfile::tempdir().unwrap();
    cluster.blind("node1", out.path());
    let finished = on(&cluster, out.path()).run().expect(1);
    let run = RunFolder::only(out.path());
    let told = format!(
        "on node1 could not begin, and has written nothing: does the node see {}?",
        run.path.display()
    );
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
    assert!(run.run("hostile")["reason"].contains(&told), "{:?}", run.run("hostile"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let refused = |arguments: &[&str]| invoke(["bench", "all"]).args(arguments).run().refusal();
    let told = refused(&["--nodes", "4"]);
    assert_eq!(told, "error: --nodes, --sbatch and --submit-only go with --executor slurm\n");
    let told = refused(&["--executor", "slurm", "--sbatch=--array=1-2"]);
    assert_eq!(told, "error: --sbatch=--array=1-2: trainmark sets --array itself\n");
    let told = refused(&["--executor", "slurm", "--base", "main"]);
    assert!(told.starts_with("error: --base with --executor slurm needs --seeds N: "), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let told = invoke(["collect"]).args([folder.path()]).run().refusal();
    assert!(told.contains("is no run folder"), "{told}");
}
