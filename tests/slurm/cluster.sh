#!/usr/bin/env bash
# A SLURM of its own on the loopback: munged, slurmctld and a slurmd for each of two "nodes", which
# are this machine twice.
#
#   cluster.sh start DIR    starts it, with all state, sockets and logs in DIR (an absolute path)
#   cluster.sh stop DIR     stops it
#
# Then sbatch, squeue and the others are in DIR/bin. Nothing outside DIR is written, no systemd and
# no cgroups are needed; root or an ordinary user may run it. Each node has
# two GPUs that are mere counts: jobs get them but find no device.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
action=${1:-} dir=${2:-}
[[ $action =~ ^(start|stop)$ && $dir == /* ]] || { sed -n '2,9p' "$0" >&2; exit 2; }

stop() {
    local file pid
    for file in "$dir"/*.pid; do
        pid=$(cat "$file" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}

free_ports() {
    python3 -c 'import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

configure() {
    local host user memory cpus ports
    host=$(hostname -s) user=$(id -un) cpus=$(nproc --all)
    ((cpus > 1)) || cpus=2 # room for a job of two processes
    memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024))
    read -ra ports <<<"$(free_ports 3)"
    mkdir -p "$dir/state" "$dir/spool-$host" "$dir/spool-$host-2"
    chmod 755 "$dir"
    head -c 1024 /dev/urandom >"$dir/munge.key"
    chmod 400 "$dir/munge.key"
    cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/finished.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
GresTypes=gpu
NodeName=$host NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=$cpus RealMemory=$memory Gres=gpu:2
NodeName=$host-2 NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=$cpus RealMemory=$memory Gres=gpu:2
PartitionName=all Nodes=$host,$host-2 Default=YES MaxTime=INFINITE State=UP
CONF
    # Two files that are no devices: counted, but never handed out by CUDA_VISIBLE_DEVICES.
    touch "$dir/device0" "$dir/device1"
    echo "Name=gpu File=$dir/device[0-1]" >"$dir/gres.conf"
}

# Commands that know this SLURM. SLURM_CONF alone would not do: the executor plugin takes variables
# that begin with SLURM_ from its jobs.
commands() {
    local name
    mkdir -p "$dir/bin"
    for name in sbatch srun squeue scontrol scancel sinfo sacct; do
        printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$dir/slurm.conf" "$(command -v $name)" \
            >"$dir/bin/$name"
        chmod +x "$dir/bin/$name"
    done
}

start() {
    local host
    host=$(hostname -s)
    export SLURM_CONF=$dir/slurm.conf
    configure
    commands
    # Detached at once, or who reads this script's output would wait for them.
    {
        munged --force --socket="$dir/munge.socket" --key-file="$dir/munge.key" \
            --log-file="$dir/munged.log" --pid-file="$dir/munged.pid" \
            --seed-file="$dir/munged.seed"
        slurmctld -f "$SLURM_CONF"
        slurmd -f "$SLURM_CONF" -N "$host"
        slurmd -f "$SLURM_CONF" -N "$host-2"
    } </dev/null >"$dir/start.log" 2>&1
    for _ in $(seq 300); do
        [[ $(sinfo --noheader --states=idle --format=%D 2>/dev/null) == 2 ]] && return
        sleep 0.1
    done
    echo "error: the nodes did not come up, see $dir/*.log" >&2
    return 1
}

"$action"
