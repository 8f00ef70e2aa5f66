/*
 * Runs one program in a network namespace and measures it: runner NAMESPACE SECONDS LOG PROGRAM [ARGUMENT...]
 *
 * What the program writes goes to LOG. When it takes more than SECONDS, it and all its children are killed. One line of JSON
 * tells the wall time, the CPU time and the largest memory of any process of it. This is a small program in C because a child's
 * peak memory begins with that of the process which forked it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(125);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void enter(const char *space) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int net = open(path, O_RDONLY | O_CLOEXEC);
    if (net < 0 || setns(net, CLONE_NEWNET) < 0) fail(path);
    close(net);
}

static void become(char **words, const char *log) {
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    sigset_t none;
    if (in < 0 || out < 0) fail(log);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    execvp(words[0], words);
    fail(words[0]);
}

/* Whether the child ended in time; its status then stands in `status`. */
static int wait_until(pid_t child, double deadline, int *status, const sigset_t *watched) {
    for (;;) {
        pid_t ended;
        while ((ended = waitpid(-1, status, WNOHANG)) > 0)
            if (ended == child) return 1;
        double left = deadline - now();
        if (left <= 0) return 0;
        struct timespec pause = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
        sigtimedwait(watched, NULL, &pause);
    }
}

int main(int count, char **words) {
    if (count < 5) {
        fprintf(stderr, "usage: runner NAMESPACE SECONDS LOG PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    enter(words[1]);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    double begin = now();
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) become(words + 4, words[3]);
    int status = 0;
    int in_time = wait_until(child, begin + atof(words[2]), &status, &watched);
    double wall = now() - begin;
    kill(-child, SIGKILL);
    while (waitpid(-1, in_time ? NULL : &status, 0) > 0 || errno == EINTR) {}
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"memory\": %ld, \"code\": %d, \"in_time\": %s}\n", wall,
           usage.ru_utime.tv_sec + usage.ru_utime.tv_usec / 1e6, usage.ru_stime.tv_sec + usage.ru_stime.tv_usec / 1e6, usage.ru_maxrss * 1024,
           WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), in_time ? "true" : "false");
    return 0;
}
