#include "launch/launchers.h"

#include <string.h>

#include "base/word_list.h"
#include "launch/apply.h"

/* clang-format off */
static const char torchrun_options[] =
    "h|help nnodes= nproc-per-node= rdzv-backend= rdzv-endpoint= rdzv-id= rdzv-conf= standalone "
    "max-restarts= monitor-interval= start-method= event-log-handler= role= m|module no-python "
    "run-path log-dir= r|redirects= t|tee= log-line-prefix-template= local-ranks-filter= "
    "duplicate-stdout-filters= duplicate-stderr-filters= node-rank= master-addr= master-port= "
    "local-addr= logs-specs= numa-binding= signals-to-handle= shutdown-timeout= "
    "virtual-local-rank use-env";

static const char ft_launcher_options[] =
    "h|help nnodes= nproc-per-node= rdzv-backend= rdzv-endpoint= rdzv-id= rdzv-conf= standalone "
    "max-restarts= term-timeout= workers-stop-timeout= monitor-interval= start-method= role= "
    "m|module no-python run-path log-dir= r|redirects= t|tee= local-ranks-filter= node-rank= "
    "master-addr= master-port= local-addr= logs-specs= event-log-handler= signals-to-handle= "
    "restart-policy= ignore-missing-fault-tol-cfg ft-ignore-missing-cfg fault-tol-cfg-path= "
    "ft-cfg-path= ft-workload-check-interval= ft-param-workload-check-interval= "
    "ft-initial-rank-heartbeat-timeout= ft-param-initial-rank-heartbeat-timeout= "
    "ft-rank-heartbeat-timeout= ft-param-rank-heartbeat-timeout= ft-node-health-check-interval= "
    "ft-param-node-health-check-interval= ft-safety-factor= ft-param-safety-factor= "
    "ft-rank-termination-signal= ft-param-rank-termination-signal= ft-log-level= "
    "ft-param-log-level= ft-rank-out-of-section-timeout= ft-param-rank-out-of-section-timeout= "
    "ft-rank-section-timeouts= ft-param-rank-section-timeouts= ft-restart-check-interval= "
    "ft-param-restart-check-interval= ft-restart-policy= ft-enable-nic-monitor= "
    "ft-param-enable-nic-monitor= ft-pci-topo-file= ft-param-pci-topo-file= "
    "ft-link-down-path-template= ft-param-link-down-path-template= "
    "ft-node-health-check-endpoint= ft-enable-nic-healthcheck= ft-link-state-path-template= "
    "ft-enable-dist-storage-healthcheck= ft-storage-health-check-path= "
    "ft-skip-section-response= ft-rdzv-impl= ft-numa-bind-strict= "
    "ft-gpu-memory-reclaim-timeout= ft-gpu-memory-tolerance-mb= ft-gpu-memory-poll-interval= "
    "ft-check-remaining-processes= ft-install-exception-hook= ft-max-no-progress-cycles= "
    "ft-min-progress-iterations= ft-checkpoint-iteration-file= ft-segment= "
    "ft-no-restart-exit-code= ft-attribution-endpoint= ft-attribution-startup-timeout= "
    "ft-attribution-llm-api-key-file= ft-attribution-llm-base-url= ft-attribution-llm-model= "
    "ft-attribution-analysis-backend= ft-attribution-stop-action= ft-attribution-log-level= "
    "ft-attribution-export-url= ft-cycle-info-dir= ft-cycle-info-job-id=";

/* srun of Slurm 19.05 to 26.05, then pyxis, then what other container plugins add. */
static const char srun_options[] =
    "A|account= acctg-freq= accel-bind= async allocate bb= bbf= bcast=? bcast-exclude= b|begin= "
    "D|chdir|workdir= cluster= M|clusters= cluster-constraint= comment= compress=? "
    "consolidate-segments C|constraint= container= container-id= context= contiguous "
    "S|core-spec= cores-per-socket= cpu-bind|cpu_bind= cpu-freq= cpus-per-gpu= c|cpus-per-task= "
    "deadline= debugger-test delay-boot= d|dependency= X|disable-status m|distribution= epilog= "
    "e|error= exact x|exclude= exclusive=? export= external-launcher=? extra= "
    "B|extra-node-info= gid= gpu-bind= gpu-freq= G|gpus= gpus-per-node= gpus-per-socket= "
    "gpus-per-task= gres= gres-flags= h|help het-group|pack-group= hint= H|hold I|immediate=? "
    "ignore-signals= i|input= interactive J|job-name= jobid= K|kill-on-bad-exit=? l|label "
    "L|licenses= mail-type= mail-user= mcs-label= mem= mem-bind|mem_bind= mem-per-cpu= "
    "mem-per-gpu= mem-update= mincpus= mpi= msg-timeout= multi-prog network= nice=? "
    "Z|no-allocate k|no-kill=? F|nodefile= w|nodelist= N|nodes= n|ntasks= ntasks-per-core= "
    "ntasks-per-gpu= ntasks-per-node|tasks-per-node= ntasks-per-socket= ntasks-per-tres= "
    "oom-kill-step=? open-mode= o|output= O|overcommit overlap=? s|oversubscribe|share parsable "
    "p|partition= power= prefer= E|preserve-env priority= profile= prolog= propagate=? pty=? "
    "q|qos= Q|quiet quit-on-interrupt reboot r|relative= reservation= resources= resv-ports=? "
    "runtime= segment= send-libs=? signal= slurmd-debug= sockets-per-node= spread-job "
    "spread-segments stepmgr switches= task-epilog= task-prolog= test-only thread-spec= "
    "T|threads= threads-per-core= t|time= time-min= tmp= treewidth= tres-bind= tres-per-task= "
    "uid= u|unbuffered usage use-min-nodes v|verbose V|version W|wait= wait-for-children wckey= "
    "whole x11=? container-image= container-mounts= container-workdir= container-name= "
    "container-save= container-image-save= container-mount-home no-container-mount-home "
    "container-remap-root no-container-remap-root container-entrypoint no-container-entrypoint "
    "container-entrypoint-log no-container-entrypoint-log container-writable container-readonly "
    "container-env= environment= uenv= view=";

static const char sbatch_options[] =
    "A|account= acctg-freq= a|array= batch= bb= bbf= b|begin= D|chdir|workdir= M|clusters= "
    "cluster-constraint= comment= C|constraint= container= container-id= contiguous "
    "S|core-spec= cores-per-socket= cpu-freq= cpus-per-gpu= c|cpus-per-task= deadline= "
    "delay-boot= d|dependency= m|distribution= e|error= x|exclude= exclusive=? export= "
    "export-file= extra= B|extra-node-info= get-user-env=? gid= gpu-bind= gpu-freq= G|gpus= "
    "gpus-per-node= gpus-per-socket= gpus-per-task= gres= gres-flags= h|help hint= H|hold "
    "I|immediate=? i|input= J|job-name= no-kill=? kill-on-invalid-dep= K|kill-command=? "
    "L|licenses= mail-type= mail-user= mcs-label= mem= mem-bind= mem-per-cpu= mem-per-gpu= "
    "mincpus= network= nice=? no-requeue F|nodefile= w|nodelist= N|nodes= n|ntasks= "
    "ntasks-per-core= ntasks-per-gpu= ntasks-per-node|tasks-per-node= ntasks-per-socket= "
    "open-mode= o|output= O|overcommit s|oversubscribe parsable p|partition= power= prefer= "
    "priority= profile= propagate=? q|qos= Q|quiet reboot requeue reservation= segment= signal= "
    "sockets-per-node= spread-job switches= test-only thread-spec= threads-per-core= t|time= "
    "time-min= tmp= tres-bind= tres-per-task= uid= usage use-min-nodes v|verbose V|version "
    "W|wait wait-all-nodes= wckey= wrap=";

/* Open MPI 3 to 5, then Hydra (MPICH, Intel MPI, MVAPICH) where it does not contradict. */
static const char mpirun_options[] =
    "n|np|c= N|npernode|ppn|perhost|grr= pernode H|host|hosts= hostfile|machinefile|f|machine= "
    "default-hostfile= x= mca== gmca== prtemca== pmixmca== omca== map-by= bind-to= rank-by= "
    "ppr= npersocket= allow-run-as-root am= app= configfile= bind-to-core bind-to-socket bycore "
    "bynode byslot cf|cartofile= continuous cpu-list= cpu-set= cpus-per-proc= cpus-per-rank= "
    "d|debug-devel debug debug-daemons debug-daemons-file debugger= disable-recovery "
    "display-allocation display-devel-allocation display-devel-map display-diffable-map "
    "display-map display-topo display= do-not-launch do-not-resolve dvm "
    "enable-instant-on-support enable-recovery forward-signals= fwd-mpirun-port "
    "get-stack-traces h|help hnp= index-argv-by-rank launch-agent= leave-session-attached "
    "max-restarts= max-vm-size= merge-stderr-to-stdout nolocal nooversubscribe noprefix novm "
    "ompi-server= output= output-filename= output-proctable oversubscribe path= personality= "
    "prefix= preload-files= q|quiet report-bindings report-child-jobs-separately report-events= "
    "report-pid= report-state-on-timeout report-uri= rf|rankfile= s|preload-binary "
    "runtime-options= set-cwd-to-session-dir show-progress stdin= tag-output timeout= "
    "timestamp-output tune= tv use-hwthread-cpus use-regexp v|verbose V|version wd|wdir= xml "
    "xml-file= xterm= with-ft= genv== genvlist= genvnone genvall env== envlist= envnone envall "
    "bootstrap= bootstrap-exec= bootstrap-exec-args= launcher= launcher-exec= iface= rmk= "
    "l|prepend-rank print-rank-map print-all-exitcodes info usize= demux= disable-auto-cleanup "
    "localhost= umask= membind= rr order-nodes= tmpdir= ordered-output outfile-pattern= "
    "errfile-pattern= silent-abort";

/* PALS (HPE Cray) first: where its options mean something else than mpirun's. */
static const char mpiexec_options[] =
    "d|depth= cpu-bind= gpu-bind= mem-bind= label no-label noinherit exclusive no-transfer "
    "env== envall n|np|c= N|npernode|ppn|perhost|grr= H|host|hosts|hostlist= "
    "hostfile|machinefile|f|machine= x= mca== gmca== prtemca== pmixmca== map-by= bind-to= "
    "rank-by= ppr= allow-run-as-root app= configfile= am= cpu-list= cpu-set= display= "
    "display-map display-allocation h|help nooversubscribe oversubscribe output= "
    "output-filename= path= personality= prefix= q|quiet report-bindings rf|rankfile= stdin= "
    "tag-output timeout= timestamp-output tune= use-hwthread-cpus v|verbose V|version wd|wdir= "
    "with-ft= genv== genvlist= genvnone genvall envlist= envnone bootstrap= launcher= "
    "launcher-exec= iface= rmk= l|prepend-rank print-rank-map print-all-exitcodes info usize= "
    "demux= localhost= umask= membind= rr order-nodes= tmpdir= ordered-output outfile-pattern= "
    "errfile-pattern= nolocal disable-auto-cleanup pmi= line-buffer procinfo abort-on-failure";

static const char python_options[] =
    "b B d E h|help i I m=! c=! O q s S u v V|version W= x X= P check-hash-based-pycs=";

static const char nsys_options[] =
    "accelerator-trace= auto-report-name= backtrace|b= c|capture-range= capture-range-end= "
    "clock-frequency-changes= command-file= cpu-cluster-events= cpu-core-events= "
    "cpu-core-metrics= cpu-socket-events= cpu-socket-metrics= cpuctxsw= cuda-event-trace= "
    "cuda-flush-interval= cuda-graph-trace= cuda-memory-usage= cuda-trace-all-apis= "
    "cuda-trace-scope= cuda-um-cpu-page-faults= cuda-um-gpu-page-faults= cudabacktrace= dask= "
    "y|delay= discard-environment= d|duration= duration-frames= el1-sampling= enable= "
    "env-var|e= etw-provider= event-sample= event-sampling-frequency= event-sampling-interval= "
    "export= flush-on-cudaprofilerstop= f|force-overwrite= ftrace= ftrace-keep-user-config "
    "gpu-metrics-device= gpu-metrics-devices= gpu-metrics-frequency= gpu-metrics-set= "
    "gpu-video-device= gpuctxsw= h|help=? hotkey-capture= ib-net-info-devices= "
    "ib-net-info-files= ib-net-info-output= ib-switch-congestion-device= "
    "ib-switch-metrics-device= n|inherit-environment= isr= kill= mpi-impl= nic-metrics= "
    "p|nvtx-capture= nvtx-domain-exclude= nvtx-domain-include= opengl-gpu-workload= os-events= "
    "osrt-backtrace-depth= osrt-backtrace-stack-size= osrt-backtrace-threshold= "
    "osrt-file-access= osrt-threshold= o|output= process-scope= python-backtrace= "
    "python-functions-trace= python-nvtx-annotations= python-sampling= "
    "python-sampling-frequency= pytorch= qnx-kernel-events= resolve-symbols= retain-etw-files= "
    "run-as= s|sample= samples-per-backtrace= sampling-frequency= sampling-period= "
    "sampling-trigger= session= session-new= w|show-output= soc-metrics= soc-metrics-frequency= "
    "soc-metrics-set= Y|start-later= start-frame-index= stats= x|stop-on-exit= storage-metrics= "
    "syscall= t|trace= trace-fork-before-exec= vsync= vulkan-gpu-workload= wait= "
    "wddm-additional-events= wddm-backtraces= xhv-trace= xhv-trace-events= gds-metrics= "
    "nvtx-capture-string=";

static const char ncu_options[] =
    "h|help v|version mode= p|port= max-connections= target-processes= target-processes-filter= "
    "support-32bit null-stdin launch= hostname= config-file= config-file-path= devices= "
    "filter-mode= k|kernel-name= kernel-name-base= kernel-id= kernel-regex= kernel-regex-base= "
    "c|launch-count= s|launch-skip= launch-skip-before-match= range-filter= "
    "range-replay-options= nvtx nvtx-include= nvtx-exclude= call-stack call-stack-type= kill= "
    "set= section= section-folder= section-folder-recursive= section-folder-restore list-sets "
    "list-sections list-rules list-metrics query-metrics query-metrics-mode= "
    "query-metrics-collection= metrics= disable-extra-suffixes import-source= source-folders= "
    "o|export= f|force-overwrite i|import= log-file= csv page= print-details= print-fp "
    "print-kernel-base= print-metric-attribution print-metric-instances= print-metric-name= "
    "print-nvtx-rename= print-rule-details print-source= print-summary= print-units= "
    "rename-kernels= rename-kernels-export= rename-kernels-path= resolve-source-file= "
    "apply-rules= rule= replay-mode= app-replay-buffer= app-replay-match= app-replay-mode= "
    "cache-control= clock-control= profile-from-start= disable-profiler-start-stop "
    "graph-profiling= check-exit-code= quiet verbose pm-sampling-interval= "
    "pm-sampling-buffer-size= pm-sampling-max-passes= warp-sampling-interval= "
    "warp-sampling-max-passes= warp-sampling-buffer-size= lockstep-kernel-launch communicator= "
    "communicator-num-peers= nvtx-push-pop-scope=";

static const char apptainer_options[] =
    "add-caps= allow-setuid app= apply-cgroups= authfile= B|bind= blkio-weight= "
    "blkio-weight-device= e|cleanenv compat c|contain C|containall cpu-shares= cpus= "
    "cpuset-cpus= cpuset-mems= disable-cache dns= docker-host= docker-login drop-caps= env= "
    "env-file= f|fakeroot fusemount= h|help H|home= hostname= i|ipc keep-privs memory= "
    "memory-reservation= memory-swap= mount= n|net netns-path= network= network-args= no-compat "
    "no-eval no-home no-https no-init no-mount= no-privs no-umask nv nvccli oci "
    "oom-kill-disable o|overlay= passphrase pem-path= p|pid pids-limit= pull-arch= pwd|cwd= "
    "rocm S|scratch= security= sharens silent s|quiet unsquash u|userns uts underlay vm vm-cpu= "
    "vm-err vm-ip= vm-ram= W|workdir= w|writable writable-tmpfs no-tmp-sandbox tmp-sandbox "
    "runscript-timeout= dmtcp-launch= dmtcp-restart= no-setgroups nhttps";

static const char docker_options[] =
    "add-host= a|attach= blkio-weight= cap-add= cap-drop= cgroup-parent= cgroupns= cidfile= "
    "cpu-period= cpu-quota= cpu-shares|c= cpus= cpuset-cpus= cpuset-mems= d|detach detach-keys= "
    "device= device-cgroup-rule= disable-content-trust dns= dns-option= dns-search= domainname= "
    "entrypoint= e|env= env-file= expose= gpus= group-add= health-cmd= help h|hostname= init "
    "i|interactive ip= ip6= ipc= isolation= kernel-memory= l|label= label-file= link= "
    "log-driver= log-opt= mac-address= m|memory= memory-reservation= memory-swap= "
    "memory-swappiness= mount= name= net|network= network-alias= no-healthcheck "
    "oom-kill-disable oom-score-adj= pid= pids-limit= platform= privileged p|publish= "
    "P|publish-all pull= q|quiet read-only restart= rm runtime= security-opt= shm-size= "
    "sig-proxy stop-signal= stop-timeout= storage-opt= sysctl= tmpfs= t|tty ulimit= u|user= "
    "userns= uts= v|volume= volume-driver= volumes-from= w|workdir= userns-uid-map= annotation= "
    "hooks-dir= replace systemd= tz= umask= rmi";

static const char uv_options[] =
    "extra= all-extras no-extra= dev no-dev only-dev group= no-group= no-default-groups "
    "only-group= all-groups m|module=! editable no-editable inexact env-file= "
    "no-env-file w|with= with-editable= with-requirements= isolated active no-sync locked "
    "frozen s|script gui-script all-packages package= no-project index= default-index= "
    "i|index-url= extra-index-url= f|find-links= no-index index-strategy= keyring-provider= "
    "U|upgrade P|upgrade-package= resolution= prerelease= fork-strategy= exclude-newer= "
    "no-sources reinstall reinstall-package= link-mode= compile-bytecode C|config-setting= "
    "no-build-isolation no-build-isolation-package= no-build no-build-package= no-binary "
    "no-binary-package= n|no-cache cache-dir= refresh refresh-package= p|python= managed-python "
    "no-managed-python no-python-downloads q|quiet v|verbose color= native-tls offline "
    "allow-insecure-host= no-progress directory= project= config-file= no-config h|help exact "
    "no-editable-package= python-platform= upgrade-group= prerelease-package= "
    "exclude-newer-package= no-sources-package= config-settings-package= require-build-hashes "
    "no-require-build-hashes system-certs";

static const char deepspeed_options[] =
    "h|help H|hostfile= i|include= e|exclude= num-nodes= num-gpus|num-accelerators= master-port= "
    "master-addr= node-rank= launcher= launcher-args= module no-python no-local-rank no-ssh "
    "no-ssh-check force-multi save-pid enable-each-rank-log= autotuning= bind-cores-to-rank "
    "bind-core-list= ssh-port= venv-script= log-level= q|quiet elastic-training "
    "min-elastic-nodes= max-elastic-nodes= detect-nvlink-pairs";

static const char accelerate_options[] =
    "h|help config-file= q|quiet cpu multi-gpu tpu mixed-precision= num-processes= "
    "num-machines= num-cpu-threads-per-process= enable-cpu-affinity dynamo-backend= "
    "dynamo-mode= dynamo-use-fullgraph dynamo-use-dynamic dynamo-use-regional-compilation "
    "use-deepspeed use-fsdp use-parallelism-config use-megatron-lm gpu-ids= same-network "
    "machine-rank= main-process-ip= main-process-port= t|tee= log-dir= role= rdzv-backend= "
    "rdzv-conf= max-restarts= monitor-interval= m|module no-python tpu-cluster "
    "no-tpu-cluster tpu-use-sudo vm= env= main-training-function= downcast-bf16 "
    "deepspeed-config-file= zero-stage= offload-optimizer-device= offload-param-device= "
    "offload-optimizer-nvme-path= offload-param-nvme-path= gradient-accumulation-steps= "
    "gradient-clipping= zero3-init-flag= zero3-save-16bit-model= deepspeed-hostfile= "
    "deepspeed-exclusion-filter= deepspeed-inclusion-filter= deepspeed-multinode-launcher= "
    "deepspeed-moe-layer-cls-names= fsdp-version= fsdp-offload-params= fsdp-min-num-params= "
    "fsdp-sharding-strategy= fsdp-reshard-after-forward= fsdp-auto-wrap-policy= "
    "fsdp-transformer-layer-cls-to-wrap= fsdp-backward-prefetch= fsdp-state-dict-type= "
    "fsdp-forward-prefetch= fsdp-use-orig-params= fsdp-cpu-ram-efficient-loading= "
    "fsdp-sync-module-states= fsdp-activation-checkpointing= "
    "fsdp-activation-checkpointing-offload= megatron-lm-tp-degree= "
    "megatron-lm-use-custom-fsdp= megatron-lm-no-load-optim= megatron-lm-eod-mask-loss= "
    "megatron-lm-overlap-cpu-optimizer-d2h-h2d= megatron-lm-no-save-optim= "
    "megatron-lm-optimizer-cpu-offload= megatron-lm-use-precision-aware-optimizer= "
    "megatron-lm-decoder-last-pipeline-num-layers= megatron-lm-pp-degree= "
    "megatron-lm-num-micro-batches= megatron-lm-sequence-parallelism= "
    "megatron-lm-recompute-activations= megatron-lm-use-distributed-optimizer= "
    "megatron-lm-gradient-clipping= megatron-lm-recompute-granularity= "
    "megatron-lm-recompute-method= megatron-lm-recompute-num-layers= "
    "megatron-lm-attention-backend= megatron-lm-expert-model-parallel-size= "
    "megatron-lm-context-parallel-size= megatron-lm-attention-dropout= "
    "megatron-lm-hidden-dropout= megatron-lm-attention-softmax-in-fp32= "
    "megatron-lm-expert-tensor-parallel-size= megatron-lm-calculate-per-token-loss= "
    "megatron-lm-use-rotary-position-embeddings= fp8-backend= fp8-use-autocast-during-eval "
    "fp8-margin= fp8-interval= fp8-format= fp8-amax-history-len= fp8-amax-compute-algo= "
    "fp8-override-linear-precision= fp8-opt-level= fp8-enable-fsdp-float8-all-gather= "
    "fp8-pad-inner-dim= aws-access-key-id= aws-secret-access-key= debug mpirun-hostfile= "
    "parallelism-config-dp-replicate-size= parallelism-config-dp-shard-size= "
    "parallelism-config-tp-size= parallelism-config-cp-size= parallelism-config-cp-backend= "
    "parallelism-config-cp-comm-strategy= parallelism-config-sp-size= "
    "parallelism-config-sp-backend= parallelism-config-sp-seq-length= "
    "parallelism-config-sp-seq-length-is-variable= "
    "parallelism-config-sp-attn-implementation=";

const struct launcher launchers[] = {
    { .names = "torchrun", .modules = "torch.distributed.run torch.distributed.elastic.run",
      .grammar = GRAMMAR_ARGPARSE, .options = torchrun_options, .starts_ranks = true,
      .agent = true, .nodes_option = "--nnodes",
      .per_node_option = "--nproc-per-node", .apply = apply_torchrun },
    { .names = "", .modules = "torch.distributed.launch", .grammar = GRAMMAR_ARGPARSE,
      .options = torchrun_options, .starts_ranks = true, .agent = true, .nodes_option = "--nnodes",
      .per_node_option = "--nproc-per-node", 
      .apply = apply_torch_launch },
    { .names = "ft_launcher", .modules = "nvidia_resiliency_ext.fault_tolerance.launcher",
      .grammar = GRAMMAR_ARGPARSE, .options = ft_launcher_options, .starts_ranks = true,
      .agent = true, .nodes_option = "--nnodes",
      .per_node_option = "--nproc-per-node", .apply = apply_torchrun },
    { .names = "srun", .options = srun_options, .starts_ranks = true, .remote = true,
      .nodes_option = "--nodes", .per_node_option = "--ntasks-per-node",
      .processes_option = "--ntasks",
      .apply = apply_srun },
    { .names = "salloc", .options = sbatch_options, .apply = apply_sbatch },
    { .names = "sbatch", .options = sbatch_options, .remote = true, .apply = apply_sbatch },
    { .names = "mpirun orterun prterun mpirun.openmpi mpirun.mpich mpiexec.hydra mpirun_rsh",
      .grammar = GRAMMAR_MPI, .options = mpirun_options, .starts_ranks = true, .remote = true,
      .per_node_option = "-N", .processes_option = "-n",
      .apply = apply_mpirun },
    { .names = "mpiexec mpiexec.openmpi", .grammar = GRAMMAR_MPI, .options = mpiexec_options,
      .starts_ranks = true, .remote = true, .per_node_option = "-N", .processes_option = "-n",
      .apply = apply_mpirun },
    { .names = "python", .options = python_options, .apply = apply_python },
    { .names = "bash sh dash zsh ksh",
      .options = "c e u x l i v f n login norc noprofile posix O= o=", .apply = apply_shell },
    { .names = "env",
      .options =
          "i|ignore-environment u|unset= C|chdir= S|split-string= 0|null v|debug argv0= "
          "block-signal=? default-signal=? ignore-signal=? list-signal-handling",
      .apply = apply_env },
    { .names = "uv", .first = "run", .options = uv_options, .apply = apply_uv },
    { .names = "conda mamba micromamba", .first = "run",
      .options =
          "n|name= p|prefix= v|verbose dev debug-wrapper-scripts cwd= a|attach= r|root-prefix= "
          "no-capture-output live-stream d|detach e|env= label= q|quiet",
      .apply = apply_conda },
    { .names = "poetry pipenv hatch pixi pdm", .first = "run",
      .options =
          "e|environment= q|quiet v|verbose p|project= C|directory= frozen locked no-install "
          "manifest-path=",
      .apply = apply_managed },
    { .names = "exec command builtin nohup", .options = "a= c l p version help" },
    { .names = "numactl",
      .options =
          "i|interleave= p|preferred= P|preferred-many= m|membind= N|cpunodebind= "
          "C|physcpubind= l|localalloc b|balancing a|all w|weighted-interleave= s|show "
          "H|hardware t|strict" },
    { .names = "taskset", .options = "a|all-tasks c|cpu-list p|pid h|help V|version",
      .operands = 1, .apply = apply_taskset },
    { .names = "timeout",
      .options = "k|kill-after= s|signal= foreground preserve-status f p v|verbose",
      .operands = 1 },
    { .names = "nice", .options = "n|adjustment= #" },
    { .names = "ionice", .options = "c|class= n|classdata= t|ignore" },
    { .names = "chrt",
      .options =
          "a|all-tasks b|batch d|deadline f|fifo i|idle o|other r|rr m|max R|reset-on-fork "
          "T|sched-runtime= P|sched-period= D|sched-deadline= v|verbose",
      .operands = 1 },
    { .names = "stdbuf", .options = "i|input= o|output= e|error=" },
    { .names = "time", .options = "p|portability v|verbose f|format= o|output= a|append q|quiet" },
    { .names = "setarch",
      .options =
          "B|32bit F|fdpic-funcptrs I|short-inode L|addr-compat-layout R|addr-no-randomize "
          "S|whole-seconds T|sticky-timeouts X|read-implies-exec Z|mmap-page-zero 3|3gb 4gb "
          "uname-2.6 v|verbose",
      .operands = 1 },
    { .names = "setsid", .options = "c|ctty f|fork w|wait" },
    { .names = "prlimit",
      .options = "n|nofile= l|memlock= s|stack= u|nproc= c|core= v|as= verbose" },
    { .names = "tini dumb-init catatonit",
      .options = "s p= v w g l e= c|single-child r|rewrite= verbose" },
    { .names = "unbuffer", .options = "p" },
    { .names = "flock",
      .options = "s|shared x|exclusive e u|unlock n|nonblock w|timeout= o|close E= F|no-fork v",
      .operands = 1 },
    { .names = "nsys", .first = "profile launch", .options = nsys_options },
    { .names = "ncu nv-nsight-cu-cli", .options = ncu_options },
    { .names = "nvprof", .grammar = GRAMMAR_MPI,
      .options =
          "o|export-profile= f|force-overwrite profile-from-start= profile-child-processes "
          "profile-all-processes csv log-file= s|print-summary print-gpu-trace print-api-trace "
          "openacc-profiling=" },
    { .names = "perf", .first = "stat record",
      .options = "a e|event= o|output= g F= d s r= call-graph= append i=" },
    { .names = "strace ltrace",
      .options = "f F ff o|output= e|trace= s= t tt ttt T v y yy c C p= E= k q qq i r x xx" },
    { .names = "py-spy", .first = "record",
      .options =
          "o|output= f|format= d|duration= r|rate= s|subprocesses n|native g|gil t|threads "
          "i|idle F|function nonblocking l|nolineno" },
    { .names = "megatron-preflight", .options = "h|help q|quiet v|verbose",
      .opaque_options = true },
    { .names = "apptainer singularity", .first = "exec run", .options = apptainer_options,
      .operands = 1, .container = true, .apply = apply_container },
    { .names = "docker podman podman-hpc nerdctl nvidia-docker", .first = "run exec",
      .options = docker_options, .operands = 1, .container = true, .apply = apply_container },
    { .names = "enroot", .first = "start", .options = "c|conf= e|env= m|mount= rc= r|root w|rw",
      .operands = 1, .container = true, .apply = apply_container },
    { .names = "shifter",
      .options =
          "i|image= V|volume= m|module= e|env= env-file= w|workdir= entrypoint=? clearenv",
      .container = true },
    { .names = "sarus", .first = "run",
      .options =
          "mount= mpi|m mpi-type= e|env= w|workdir= t|tty entrypoint= glibc ssh "
          "centralized-repository",
      .operands = 1, .container = true },
    { .names = "deepspeed ds", .modules = "deepspeed deepspeed.launcher.runner",
      .grammar = GRAMMAR_ARGPARSE, .options = deepspeed_options, .starts_ranks = true,
      .nodes_option = "--num_nodes", .per_node_option = "--num_gpus",
      .apply = apply_deepspeed },
    { .names = "accelerate", .modules = "accelerate.commands.accelerate_cli", .first = "launch",
      .grammar = GRAMMAR_ARGPARSE, .options = accelerate_options, .starts_ranks = true,
      .agent = true, .nodes_option = "--num_machines", .processes_option = "--num_processes",
      .apply = apply_accelerate },
    { .names = "accelerate-launch", .modules = "accelerate.commands.launch",
      .grammar = GRAMMAR_ARGPARSE, .options = accelerate_options, .starts_ranks = true,
      .agent = true, .nodes_option = "--num_machines", .processes_option = "--num_processes",
      .apply = apply_accelerate },
    { .names = "ray", .modules = "ray.scripts.scripts",
      .cannot_know = "ray decides on the cluster where and how many workers run" },
    { .names = "msrun", .cannot_know = "msrun starts MindSpore, not Megatron-LM" },
    { .names = "swift megatron", .modules = "swift.cli.main",
      .cannot_know = "ms-swift translates its own options to Megatron's" },
    { .names = "horovodrun",
      .cannot_know = "horovodrun starts Horovod's workers, not Megatron-LM" },
    { .names = "jsrun lrun", .cannot_know = "the resource sets of jsrun are not counted" },
    { .names = "aprun alps", .cannot_know = "aprun's placement is not counted" },
    { .names = "parallel pdsh clush ssh pssh xargs",
      .cannot_know = "it starts the same command several times with other words" },
    { .names = "sudo su runuser doas", .cannot_know = "it changes the user and the environment" },
};
/* clang-format on */
const size_t launcher_count = sizeof(launchers) / sizeof(launchers[0]);

const char *launcher_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "python3.11" is python. */
static size_t without_version(const char *name)
{
    size_t n = strlen(name);

    if (strncmp(name, "python", 6) == 0 && strspn(name + 6, "0123456789.") == n - 6)
        return 6;
    return n;
}

const struct launcher *launcher_find(const char *program)
{
    const char *name = launcher_base_name(program);
    size_t n = without_version(name);

    for (size_t i = 0; i < launcher_count; i++)
        if (word_list_has_n(launchers[i].names, name, n))
            return &launchers[i];
    return NULL;
}

const struct launcher *launcher_of_module(const char *module)
{
    for (size_t i = 0; i < launcher_count; i++)
        if (word_list_has_n(launchers[i].modules, module, strlen(module)))
            return &launchers[i];
    return NULL;
}
