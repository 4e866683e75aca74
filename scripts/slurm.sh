#!/usr/bin/env bash
# A Slurm of its own on this machine, to test `bench --executor slurm` with: munged, slurmctld and
# NODES slurmd (4), each of which calls itself a node (node1, node2, …) and takes two jobs' processors.
# Its files, its key and its port are private, so that several can run side by side; it needs root,
# and Debian's packages slurm-wlm and munge.
# Usage: scripts/slurm.sh start FOLDER [NODES]   a new folder; prints the variable that clients need
#        scripts/slurm.sh blind FOLDER NODE HIDDEN   starts a node again, which does not see the folder HIDDEN
#        scripts/slurm.sh kill FOLDER NODE       kills a node with all that runs on it, as a loss of power does
#        scripts/slurm.sh stop FOLDER            ends it all
# Then: export SLURM_CONF=FOLDER/slurm.conf; sinfo
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"

action=${1:-} folder=${2:-}
[ -n "$folder" ] || { echo "error: say what to do, and in which folder; see $0 --help" >&2; exit 2; }
for tool in munged slurmctld slurmd; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || {
        echo "error: there is no $tool; install Debian's packages slurm-wlm and munge" >&2
        exit 2
    }
done
PATH=$PATH:/usr/sbin:/sbin

# Ports that nobody uses now: one for the controller, one for each node.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PYTHON
}

write_configuration() {
    local nodes=$1 ports name number
    name=$(hostname -s)
    read -r -a ports <<<"$(free_ports $((nodes + 1)))"
    cat <<CONFIGURATION
ClusterName=trainmark
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=defer_batch,sched_interval=1,sched_min_interval=100000
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
# A node that does not answer is down after that, and its jobs wait again.
SlurmdTimeout=6
SlurmctldTimeout=5
KillWait=5
ReturnToService=2
MinJobAge=300
SlurmdParameters=config_overrides
CONFIGURATION
    for ((number = 1; number <= nodes; number++)); do
        echo "NodeName=node$number NodeHostname=$name NodeAddr=127.0.0.1 Port=${ports[number]} CPUs=2 RealMemory=1000"
    done
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO"
}

start_node() {
    SLURM_CONF=$folder/slurm.conf slurmd -N "$1"
}

# The process that a file names, and all that it has started.
family() {
    local child
    echo "$1"
    for child in $(ps -o pid= --ppid "$1" 2>/dev/null); do
        family "$child"
    done
}

kill_file() {
    local pid
    [ -f "$1" ] || return 0
    pid=$(cat "$1")
    kill "-$2" "$pid" 2>/dev/null || return 0
}

case $action in
    start)
        nodes=${3:-4}
        mkdir -p "$folder"/state "$folder"/spool
        folder=$(realpath "$folder")
        chmod 755 "$folder"
        dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
        chmod 600 "$folder/munge.key"
        munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
            --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" \
            --num-threads=2 2>/dev/null
        write_configuration "$nodes" >"$folder/slurm.conf"
        # Where it is there, it is of this machine's own groups, which nothing here asks for.
        export SLURM_CONF=$folder/slurm.conf
        slurmctld -c
        for ((number = 1; number <= nodes; number++)); do
            mkdir -p "$folder/spool/node$number"
            start_node "node$number"
        done
        for ((tries = 0; tries < 200; tries++)); do
            idle=$(sinfo --noheader --Node --states=idle 2>/dev/null | wc -l)
            if [ "$idle" -eq "$nodes" ]; then
                echo "SLURM_CONF=$SLURM_CONF"
                exit 0
            fi
            sleep 0.1
        done
        echo "error: the nodes of $folder do not come up; see its logs" >&2
        exit 1
        ;;
    blind)
        folder=$(realpath "$folder")
        kill_file "$folder/$3.pid" TERM
        while kill_file "$folder/$3.pid" 0 && [ -f "$folder/$3.pid" ]; do sleep 0.05; done
        export SLURM_CONF=$folder/slurm.conf
        # shellcheck disable=SC2016
        unshare --mount sh -c 'mount -t tmpfs none "$1" && slurmd -N "$2"' sh "$4" "$3"
        ;;
    kill)
        folder=$(realpath "$folder")
        # The steps of its jobs are no children of the slurmd, but say whose they are.
        mapfile -t steps < <(pgrep -f "^slurmstepd: .*" || true)
        doomed=()
        for step in "${steps[@]}"; do
            if tr '\0' '\n' <"/proc/$step/environ" 2>/dev/null | grep -qx "SLURM_CONF=$folder/slurm.conf" &&
                ls -l "/proc/$step/fd" 2>/dev/null | grep -q "$folder/spool/$3\|$folder/$3.log"; then
                mapfile -t -O ${#doomed[@]} doomed < <(family "$step")
            fi
        done
        kill_file "$folder/$3.pid" KILL
        [ ${#doomed[@]} -eq 0 ] || kill -KILL "${doomed[@]}" 2>/dev/null || true
        ;;
    stop)
        folder=$(realpath "$folder")
        SLURM_CONF=$folder/slurm.conf timeout 5 scancel --user=root --state=RUNNING,PENDING 2>/dev/null || true
        for pid in "$folder"/node*.pid "$folder"/slurmctld.pid "$folder"/munged.pid; do
            kill_file "$pid" TERM
        done
        ;;
    *)
        echo "error: $action is not known; see $0 --help" >&2
        exit 2
        ;;
esac
