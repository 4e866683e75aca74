//! The example backend that docs/writing-a-backend.md shows.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

#[path = "../examples/softmax/lib.rs"]
#[expect(unreachable_pub, reason = "the example is a library of its own")]
mod softmax;
mod training;

use trainmark_plugin::host::Plugin;

#[test]
fn the_example_is_a_correct_backend() {
    // SAFETY: the example's table is a static that the SDK made.
    let plugin = unsafe { Plugin::from_table(&raw const softmax::tm_backend_v1) }.unwrap();
    assert_eq!(plugin.name, "mine");
    assert_eq!(plugin.describe().unwrap().devices[0].id, "cpu");
    training::assert_trains(&plugin);
    training::assert_checks_calls(&plugin);
    training::assert_refuses(&plugin);
}
