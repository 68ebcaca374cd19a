/* megatron-preflight-mpi TRAINER-PID: one rank's voice among the others, and the only translation
 * unit that is linked with MPI. Started by helper_start() with two descriptors (message.h) and
 * nothing else of the job's; whatever happens here, the job must not notice. */
#include <dlfcn.h>
#include <fcntl.h>
#include <mpi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cluster/message.h"

static bool receive_all(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool receive_message(int fd, enum message_kind kind, void *data, uint32_t size)
{
    struct message message;

    return receive_all(fd, &message, sizeof(message)) && message.magic == MESSAGE_MAGIC &&
           message.kind == kind && message.count == 1 && message.size == size &&
           receive_all(fd, data, size);
}

/* While ranks are missing, MPI_Init looks for them every 100 us: 5 % of a core. A slack of 50 ms on
 * the thread's timers makes that nothing. */
static void sleep_longer(int signal_number)
{
    (void)signal_number;
    prctl(PR_SET_TIMERSLACK, 50 * 1000 * 1000UL);
}

/* Told by whatever must not go on: a crash inside MPI, or MPI giving up. */
static int failed = -1;

static void fail_for_good(void)
{
    (void)!write(failed, &(uint64_t) { 1 }, sizeof(uint64_t));
    for (;;)
        pause();
}

static void on_crash(int signal_number)
{
    (void)signal_number;
    fail_for_good();
}

/* Two functions in place of the PMIx library's own, which MPI_Init calls when it finds no way to
 * another rank: the one would have the launcher end the whole launch, the other would print MPI's
 * complaints to the job's user. */
int PMIx_Abort(int status, const char *message, void *ranks, size_t count);
int PMIx_Log_nb(const void *data, size_t count, const void *directives, size_t directive_count,
                void *done, void *argument);

int PMIx_Abort(int status, const char *message, void *ranks, size_t count)
{
    (void)status, (void)message, (void)ranks, (void)count;
    fail_for_good();
    return 0;
}

int PMIx_Log_nb(const void *data, size_t count, const void *directives, size_t directive_count,
                void *done, void *argument)
{
    const int not_supported = -47; /* PMIX_ERR_NOT_SUPPORTED: then 'done' is not called */

    (void)data, (void)count, (void)directives, (void)directive_count, (void)done, (void)argument;
    return not_supported;
}

/* A connection that just breaks makes slurmstepd cancel the whole step. MPI cannot be asked to
 * leave while another thread is inside MPI_Init; the PMIx library below it can, where it is a
 * library of its own. Never more than a few seconds. */
static void leave_pmix(void)
{
    void *library = dlopen("libpmix.so.2", RTLD_NOW | RTLD_NOLOAD);
    int (*finalize)(const void *info, size_t count);

    if (!library)
        return;
    *(void **)&finalize = dlsym(library, "PMIx_Finalize");
    alarm(5);
    if (finalize)
        finalize(NULL, 0);
}

/* Until something happens on 'fd' (true), or MPI has failed. */
static bool wait_for(int fd, short events, int milliseconds)
{
    struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = failed, .events = POLLIN } };

    while (poll(fds, 2, milliseconds) < 0)
        ;
    return !fds[1].revents;
}

/* Until the trainer has ended (true), or MPI has failed. Without pidfds (Linux before 5.3) the
 * trainer is looked for twice a second. */
static bool wait_for_trainer(pid_t trainer)
{
    if (fcntl(HELPER_TRAINER, F_GETFD) >= 0)
        return wait_for(HELPER_TRAINER, POLLIN, -1);
    while (kill(trainer, 0) == 0)
        if (!wait_for(-1, 0, 500))
            return false;
    return true;
}

struct watch {
    pid_t trainer;
    pthread_t talker;
};

/* Ends the helper when its trainer has ended or MPI has failed: the thread that talks may sit in
 * MPI_Init for as long as ranks are missing. Our end of the socket hangs up when the trainer starts
 * while the talk still goes on: then we are parked. */
static void *watch_over(void *argument)
{
    struct watch *watch = argument;

    if (wait_for(HELPER_SOCKET, POLLRDHUP, -1)) {
        pthread_kill(watch->talker, SIGUSR1);
        wait_for_trainer(watch->trainer);
    }
    leave_pmix();
    _exit(EXIT_FAILURE);
}

static bool start_watching(struct watch *watch)
{
    static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    pthread_t watcher;

    failed = eventfd(0, EFD_CLOEXEC);
    signal(SIGUSR1, sleep_longer);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], on_crash);
    return failed >= 0 && pthread_create(&watcher, NULL, watch_over, watch) == 0;
}

/* The ranks to agree with: those of our component. Nearly always there is one, and then nothing is
 * split. */
static MPI_Comm component_of(uint32_t component)
{
    int range[2] = { (int)component, -(int)component };
    MPI_Comm comm;

    MPI_Allreduce(MPI_IN_PLACE, range, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (range[0] == -range[1])
        return MPI_COMM_WORLD;
    MPI_Comm_split(MPI_COMM_WORLD, (int)component, 0, &comm);
    return comm;
}

/* Asks our own rank to decide; it may have started its job meanwhile. */
static void ask(const struct cluster_facts *facts, int count, struct message_answer *answer)
{
    answer->kind = MESSAGE_UNDECIDED;
    if (send_message(HELPER_SOCKET, MESSAGE_FACTS, (uint32_t)count, facts, sizeof(*facts)) &&
        receive_message(HELPER_SOCKET, MESSAGE_VERDICT, &answer->verdict, sizeof(answer->verdict)))
        answer->kind = MESSAGE_VERDICT;
}

/* MPI_Wait would burn a core for as long as the deciding rank thinks. */
static void wait_gently(MPI_Request *request)
{
    struct timespec pause = { 0, 20 * 1000 };
    int done = 0;

    while (MPI_Test(request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 10 * 1000 * 1000)
            pause.tv_nsec += pause.tv_nsec / 8;
    }
}

static void agree(const struct message_hello *hello, struct message_answer *answer)
{
    MPI_Comm comm = component_of(hello->component);
    struct cluster_facts *all = NULL;
    MPI_Request request;
    int rank, size;

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (rank == 0)
        all = calloc((size_t)size, sizeof(*all));
    MPI_Gather(&hello->facts, sizeof(*all), MPI_BYTE, all, sizeof(*all), MPI_BYTE, 0, comm);
    if (rank == 0)
        ask(all, size, answer);
    MPI_Ibcast(answer, sizeof(*answer), MPI_BYTE, 0, comm, &request);
    wait_gently(&request);
    if (rank != 0)
        send_message(HELPER_SOCKET, (enum message_kind)answer->kind, 1, &answer->verdict,
                     sizeof(answer->verdict));
    free(all);
}

int main(int argc, char **argv)
{
    struct message_hello hello;
    struct message_answer answer;
    struct watch watch = { .talker = pthread_self() };
    int rank;

    if (argc != 2 || (watch.trainer = (pid_t)atoi(argv[1])) <= 1)
        return EXIT_FAILURE;
    memset(&answer, 0, sizeof(answer));
    if (!receive_message(HELPER_SOCKET, MESSAGE_HELLO, &hello, sizeof(hello)) ||
        !start_watching(&watch))
        return EXIT_FAILURE;
    send_message(HELPER_SOCKET, MESSAGE_STARTED, 0, NULL, 0);
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    hello.facts.rank = rank;
    agree(&hello, &answer);
    MPI_Finalize();
    send_message(HELPER_SOCKET, MESSAGE_FINISHED, 0, NULL, 0);
    return EXIT_SUCCESS;
}
