//! What can be wrong with a backend's file, as `describe` tells it.

use crate::assembled::Assembled;
use crate::child::describe;

#[test]
fn what_is_wrong_with_a_backends_file_is_told_with_its_line() {
    let cases = [
        ("def describe()\n", "SyntaxError: expected ':' (backend.py:1)"),
        ("import trainmark\nimport absent\n", "ModuleNotFoundError: No module named 'absent' (backend.py:2)"),
        ("x = 1\n", "backend.py has no function describe, which returns a trainmark.Description"),
        (
            "def describe():\n    return {'framework': 'f'}\n",
            "describe() returned an object of type dict, expected a trainmark.Description \
             (backend.py:1 in describe)",
        ),
        (
            "\ndef describe():\n    pass\n",
            "describe() returned None, expected a trainmark.Description (backend.py:2 in describe)",
        ),
        (
            "import trainmark as tm\ndef describe():\n    return tm.Description('f', ['builtin'])\n",
            "TypeError: Description.implementations is ['builtin'], expected a list of Implementation \
             (backend.py:3 in describe)",
        ),
        (
            "import trainmark as tm\nA = tm.Implementation('a', 'biased', '')\n",
            "ValueError: Implementation.running_variance is 'biased', expected 'unbiased_from_one', \
             'biased_from_zero' or 'biased_from_one' (backend.py:2)",
        ),
        (
            "import sys\nsys.exit('no licence')\n",
            "sys.exit('no licence') was called, in a process that is trainmark's; \
             raise an exception instead (backend.py:2)",
        ),
        (
            "import trainmark\ndef describe():\n    raise trainmark.DeviceError('the licence server\\nis away')\n",
            "the licence server",
        ),
    ];
    for (source, expected) in cases {
        let Some(backend) = Assembled::of(source) else { return };
        let answer = describe(&backend.library);
        // Before Python 3.10, a syntax error has no other words.
        assert_eq!(answer.replace("invalid syntax", "expected ':'"), expected, "{source}");
    }
}
