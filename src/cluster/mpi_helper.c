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

/* Without pidfds (Linux before 5.3) the trainer is looked for twice a second. */
static void wait_without_pidfd(pid_t trainer)
{
    while (kill(trainer, 0) == 0)
        usleep(500 * 1000);
}

/* While ranks are missing, MPI_Init looks for them every 100 us: 5 % of a core. A slack of 50 ms on
 * the thread's timers makes that nothing. */
static void sleep_longer(int signal_number)
{
    (void)signal_number;
    prctl(PR_SET_TIMERSLACK, 50 * 1000 * 1000UL);
}

/* Our end of the socket hangs up when the trainer starts while the talk still goes on: we are
 * parked. */
static void wait_until_parked(void)
{
    struct pollfd fd = { .fd = HELPER_SOCKET, .events = POLLRDHUP };

    while (poll(&fd, 1, -1) <= 0)
        ;
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

struct watch {
    pid_t trainer;
    pthread_t talker;
};

/* A parked helper sits in MPI_Init for as long as ranks are missing: only another thread can end
 * it. */
static void *end_with_trainer(void *argument)
{
    struct pollfd trainer = { .fd = HELPER_TRAINER, .events = POLLIN };
    struct watch *watch = argument;

    wait_until_parked();
    pthread_kill(watch->talker, SIGUSR1);
    if (fcntl(HELPER_TRAINER, F_GETFD) < 0)
        wait_without_pidfd(watch->trainer);
    else
        while (poll(&trainer, 1, -1) <= 0)
            ;
    leave_pmix();
    _exit(0);
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
    pthread_t watcher;
    int rank;

    if (argc != 2 || (watch.trainer = (pid_t)atoi(argv[1])) <= 1)
        return EXIT_FAILURE;
    memset(&answer, 0, sizeof(answer));
    signal(SIGUSR1, sleep_longer);
    if (!receive_message(HELPER_SOCKET, MESSAGE_HELLO, &hello, sizeof(hello)) ||
        pthread_create(&watcher, NULL, end_with_trainer, &watch))
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
