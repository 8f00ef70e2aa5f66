/*
 * Measures a wire: probe SENDER-NS RECEIVER-NS RECEIVER-ADDRESS BYTES PACKETS-PER-SECOND COUNT
 *
 * Sends numbered UDP packets of this IP length in one namespace and receives them in the other, in one process with one clock.
 * Delays are from the moment before sending to the kernel's own time stamp of the arrival, so a busy machine that lets this
 * program wait does not falsify them. Writes one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 4000
#define HEADERS 28
#define SILENCE 1000000000ll

static int64_t *sent_at, *delays;
static int64_t received, first_at, last_at;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int socket_in(const char *space) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int net = open(path, O_RDONLY | O_CLOEXEC);
    if (net < 0 || setns(net, CLONE_NEWNET) < 0) fail(path);
    close(net);
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (file < 0) fail("socket");
    return file;
}

static void receive(int file, int64_t count) {
    char bytes[2048], control[256];
    struct iovec piece = {bytes, sizeof bytes};
    for (;;) {
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(file, &message, 0) < (ssize_t)sizeof(int64_t)) return;
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        struct timespec time;
        int64_t number;
        if (!part || part->cmsg_type != SCM_TIMESTAMPNS) continue;
        memcpy(&time, CMSG_DATA(part), sizeof time);
        memcpy(&number, bytes, sizeof number);
        if (number < 0 || number >= count) continue;
        last_at = time.tv_sec * 1000000000ll + time.tv_nsec;
        if (!received) first_at = last_at;
        delays[received++] = last_at - sent_at[number];
    }
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double quantile(double part) {
    return received ? delays[(int64_t)(part * (double)(received - 1))] / 1e9 : 0;
}

static void send_all(int out, int in, int64_t count, int length, double pace) {
    char bytes[2048] = {0};
    int64_t begin = now_ns();
    for (int64_t number = 0; number < count;) {
        int64_t now = now_ns(), due = begin + (int64_t)(number * 1e9 / pace);
        receive(in, count);
        if (due > now) {
            struct timespec pause = {0, due - now < 200000 ? due - now : 200000};
            struct pollfd file = {in, POLLIN, 0};
            ppoll(&file, 1, &pause, NULL);
            continue;
        }
        memcpy(bytes, &number, sizeof number);
        sent_at[number] = now_ns();
        if (send(out, bytes, length - HEADERS, 0) < 0 && errno == EAGAIN) continue;
        number++;
    }
}

int main(int count, char **words) {
    if (count != 7) {
        fprintf(stderr, "usage: probe SENDER-NS RECEIVER-NS RECEIVER-ADDRESS BYTES PACKETS-PER-SECOND COUNT\n");
        return 2;
    }
    int64_t packets = atoll(words[6]);
    int length = atoi(words[4]), big = 64 << 20, one = 1;
    sent_at = calloc(packets, sizeof *sent_at);
    delays = calloc(packets, sizeof *delays);
    if (!sent_at || !delays || length < HEADERS + 8 || length > 1500) return 2;
    int out = socket_in(words[1]), in = socket_in(words[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, words[3], &address.sin_addr);
    setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
    setsockopt(in, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(in, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (connect(out, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    send_all(out, in, packets, length, atof(words[5]));
    for (int64_t quiet = now_ns(), seen = received; now_ns() - quiet < SILENCE;) {
        struct pollfd file = {in, POLLIN, 0};
        poll(&file, 1, 50);
        receive(in, packets);
        if (received != seen) seen = received, quiet = now_ns();
    }
    double rate = received > 1 ? (received - 1) * 8.0 * length / ((last_at - first_at) / 1e9) : 0;
    qsort(delays, received, sizeof *delays, compare);
    printf("{\"sent\": %lld, \"received\": %lld, \"rate\": %.0f, \"p01\": %.6f, \"p50\": %.6f, \"p99\": %.6f, \"most\": %.6f}\n",
           (long long)packets, (long long)received, rate, quantile(0.01), quantile(0.5), quantile(0.99), quantile(1));
    return 0;
}
