//! What help shows below the options.

pub(super) const SELECTIONS: &str =
    "`all`, or backends as BACKEND[@VERSION,…][/IMPLEMENTATION][@DEVICE], or libraries by path";

pub(super) const BENCH_EXAMPLES: &str = "Examples:
  trainmark bench all                          every backend but those that download much
  trainmark bench all --with pytorch           and one of these
  trainmark bench candle tch                   two backends
  trainmark bench handwritten/builtin@cpu      one implementation on one device
  trainmark bench candle@0.10,0.11             two versions of a framework; `list` has them all
  trainmark bench ./libmine.so --quick         a library of your own, one epoch, one seed
  trainmark bench all --workload ./mine.toml   a network of your own (docs/workloads.md)
  trainmark bench tch --learning-rate 0.1,0.5,1 --batch-size 64,256   every combination, in one run
  trainmark bench tch --threads 1,2,4          what more threads bring
  trainmark bench candle --base main           what a change costs: the sources as they are against a revision
  trainmark bench --base ./old.so --head ./new.so --fail-on slower:5%
  trainmark bench all --executor slurm --nodes 4 --sbatch=--partition=long   on a cluster (docs/cluster.md)
  trainmark bench --resume latest              continue the run that was interrupted last

Exit code: 0 all went well; 1 a run failed or nothing could be run; 2 the command line or
an input cannot be used; 130 interrupted, what was recorded is kept.";

pub(super) const COLLECT_EXAMPLES: &str = "Examples:
  trainmark bench all --executor slurm --submit-only
  trainmark collect latest                     as often as you like

Exit code: 0 all rounds have ended well, or some still wait or run; 1 a run failed, or jobs were lost:
`bench --resume` runs what is missing.";

pub(super) const CHECK_EXAMPLES: &str = "Examples:
  trainmark check handwritten
  trainmark check ./libmine.so --workload softmax
  trainmark check handwritten --workload ./mine.toml   a network of your own (docs/workloads.md)
  trainmark check candle --operations --cases 1000   random layers and small models

A model of --operations that fails is made smaller while it still does, and printed with
the command that finds it again.";

pub(super) const OPERATIONS_EXAMPLES: &str = "Examples:
  trainmark operations                             every operation of every backend
  trainmark operations candle --filter conv,pool   some of one backend
  trainmark operations tch/builtin                 those with batch norm, by its own layer
  trainmark operations tch/none                    those without batch norm
  trainmark operations --workload ./mine.toml      the layers of a network of your own
  trainmark operations --list                      their names, and what each computes

Times are kept in operations.json, beside the runs; `bench` and `report` show those of a
run's libraries. --out keeps them apart, such as those of a change before and after.

Exit code: 0 all went well; 1 an operation failed or none was timed; 2 the command line or
an input cannot be used; 130 interrupted, what was measured is kept.";

pub(super) const REPORT_EXAMPLES: &str = "Examples:
  trainmark report                             the latest run
  trainmark report --format markdown > pr.md   for a pull request";

pub(super) const COMPARE_EXAMPLES: &str = "Examples:
  trainmark compare 20260131T130500Z-all latest
  trainmark compare base/run new/run --format markdown --fail-on slower:5%

B is slower or faster where the 95% interval of its ratio to A, paired by seed, lies
beyond 1 and both runs' noise floors. --fail-on asks for more: the whole interval beyond
the limit. A cell with one seed or without times is named and does not fail.

Exit code: 0 all went well; 1 with --fail-on, a cell is too slow or none could be judged;
2 the runs cannot be read or compared.";

pub(super) const HISTORY_EXAMPLES: &str = "Examples:
  trainmark history ./nightly
  trainmark history ./nightly --format html > history.html
  trainmark history ./nightly --fail-on slower:5% --confirm

What is followed is how many times as long as the control (handwritten) a cell takes in the
same rounds. A step is told where the runs after it differ from those before by more than
noise, corrected for all places of all series; docs/history.md has the rules.

Exit code: 0 all went well; 1 with --fail-on, a cell has become too slow or none could be
judged; 2 the folder cannot be read, holds no run or none since --since; 130 interrupted.";

pub(super) const MERGE_EXAMPLES: &str = "Examples:
  trainmark merge both laptop=latest server=../server/20260131T130500Z-all";

pub(super) const PACK_EXAMPLES: &str = "Examples:
  trainmark pack latest                        writes RUN.tar.gz into this folder
  trainmark pack 20260131T130500Z-all --hide alice --out ~/packs

What is left out or replaced is named. Read docs/site.md before you publish one.";

pub(super) const VERIFY_EXAMPLES: &str = "Examples:
  trainmark verify 20260131T130500Z-all.tar.gz
  trainmark verify latest --format json

A record that somebody has invented as a whole can pass: docs/site.md says what is found.

Exit code: 0 nothing speaks against it; 1 a check failed; 2 it cannot be read at all.";

pub(super) const SITE_EXAMPLES: &str = "Examples:
  trainmark site runs --out public             runs holds run folders and packs

Each run is verified first; one that fails is named with the reason and not shown. runs/site.toml
may list those that the maintainers made (docs/site.md). The pages need no server and no network.

Exit code: 0 there are pages; 1 no run can be shown; 2 the folder cannot be used.";

pub(super) const DATA_EXAMPLES: &str = "Examples:
  trainmark data                               where fashion-mnist is, and the others
  trainmark data fetch mnist                   downloads MNIST

TRAINMARK_DATA does what --data-dir does: it names the folder of a data set, or one in
which each data set has a folder (mnist, kmnist, emnist, cifar10, …).";

pub(super) const NEW_BACKEND_EXAMPLES: &str = "Examples:
  trainmark new-backend mine --lang rust               in the repository's backends/mine
  trainmark new-backend mine --lang python             of which you write one file
  trainmark new-backend mine --lang c --dir ../mine    in a folder of your own

Then: trainmark check mine --workload softmax          says what to fill in first";

pub(super) const NEW_VERSION_EXAMPLES: &str = "Examples:
  trainmark new-version candle 0.12.0-dev --path ../candle

Then: trainmark bench candle@0.11,0.12.0-dev           the working copy beside the release";
