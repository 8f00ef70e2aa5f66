/*
 * A path between two network namespaces: wire CLIENT-NS DEVICE SERVER-NS DEVICE [KEY=VALUE...]
 *
 * Both TUN devices exist already. What the kernel sends into one is read here, waits in a bounded queue, is serialised at the
 * rate, perhaps lost, delayed, and written into the other. `down` is from the server to the client, `up` the other way:
 *
 *   DIRECTION.rate=BITS-PER-SECOND   0 is no limit
 *   DIRECTION.delay=SECONDS
 *   DIRECTION.queue=BYTES            what waits for the serialiser, drop-tail; 0 is no limit
 *   DIRECTION.loss=PROBABILITY       each packet for itself
 *   DIRECTION.burst=GB:BG:LOSS       Gilbert-Elliott: good to bad, bad to good, loss while bad
 *   DIRECTION.steps=TIME:RATE,...    rates from these seconds on; rate 0 here is an outage that holds the packets
 *   seed=NUMBER
 *
 * Lengths are those of IP packets. Time begins with the first packet. A line "ready" is written when both devices are attached;
 * SIGTERM ends it, and then statistics are written as JSON. Serialising is done in computed time, so that waking up late delays a
 * packet but never changes the rate. How late packets were is part of the statistics: a run with much of it proves nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 131072u
#define LARGEST 1600
#define STEPS 4096
#define BINS 18000
#define BIN_NS 100000000ll
#define BATCH 64
#define LATE_BINS 20000 /* of 10 microseconds */
#define FAR INT64_MAX

struct packet {
    int64_t arrival, release;
    int length, lost;
    unsigned char bytes[LARGEST];
};

struct step {
    int64_t at;
    double rate;
};

struct direction {
    const char *name;
    int in, out;
    double loss, to_bad, to_good, loss_bad;
    int64_t delay, queue;
    struct step steps[STEPS];
    int step_count, bad;
    struct packet *ring;
    uint64_t head, served, tail; /* delivered, serialised and arrived so far */
    int64_t waiting, free_at;
    int64_t packets, bytes, payload, lost, dropped, overflowed, deepest;
    int64_t late[LATE_BINS], latest;
    int64_t bins[BINS];
};

static struct direction down = {.name = "down"}, up = {.name = "up"};
static int64_t origin = -1;
static int connections, open_now, most_open, used_bins;
static unsigned char port_open[65536];
static short open_bins[BINS];
static uint64_t random_state = 88172645463325252ull;
static volatile sig_atomic_t ended;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static double chance(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

static int lose(struct direction *way) {
    if (way->to_bad > 0) {
        if (chance() < (way->bad ? way->to_good : way->to_bad)) way->bad = !way->bad;
        return way->bad && chance() < way->loss_bad;
    }
    return way->loss > 0 && chance() < way->loss;
}

/* When a packet that may start at `start` has left the serialiser; an outage holds it until the next step. */
static int64_t serialised(struct direction *way, int64_t *start, int length) {
    int number = 0;
    while (number + 1 < way->step_count && origin + way->steps[number + 1].at <= *start) number++;
    while (way->steps[number].rate < 0) {
        if (number + 1 >= way->step_count) return FAR;
        number++;
        if (origin + way->steps[number].at > *start) *start = origin + way->steps[number].at;
    }
    double rate = way->steps[number].rate;
    return rate == 0 ? *start : *start + (int64_t)(length * 8e9 / rate);
}

static void watch_connections(const unsigned char *packet, int length, int from_client) {
    int header = (packet[0] & 15) * 4;
    if (length < header + 20 || packet[9] != 6) return;
    const unsigned char *tcp = packet + header;
    int port = from_client ? tcp[0] << 8 | tcp[1] : tcp[2] << 8 | tcp[3];
    int flags = tcp[13];
    if (from_client && (flags & 0x12) == 0x02 && !port_open[port]) {
        port_open[port] = 1;
        connections++;
        if (++open_now > most_open) most_open = open_now;
    } else if ((flags & 0x05) && port_open[port]) {
        port_open[port] = 0;
        open_now--;
    }
}

static int payload_of(const unsigned char *packet, int length) {
    int header = (packet[0] & 15) * 4;
    if ((packet[0] >> 4) != 4 || length < header + 20) return 0;
    if (packet[9] == 17) return length - header - 8;
    return packet[9] == 6 ? length - header - (packet[header + 12] >> 4) * 4 : 0;
}

static int arrive(struct direction *way) {
    for (int count = 0; count < BATCH; count++) {
        unsigned char spare[LARGEST];
        int full = way->tail - way->head >= SLOTS;
        struct packet *packet = &way->ring[way->tail % SLOTS];
        ssize_t length = read(way->in, full ? spare : packet->bytes, LARGEST);
        if (length <= 0) return count;
        const unsigned char *bytes = full ? spare : packet->bytes;
        if ((bytes[0] >> 4) != 4) continue;
        int64_t now = now_ns();
        if (origin < 0) origin = now;
        if (full) {
            way->overflowed++;
        } else if (way->queue && way->waiting + length > way->queue) {
            way->dropped++;
        } else {
            packet->arrival = now;
            packet->length = (int)length;
            way->tail++;
            way->waiting += length;
            if (way->waiting > way->deepest) way->deepest = way->waiting;
            if (way == &up) watch_connections(packet->bytes, (int)length, 1);
        }
    }
    return BATCH;
}

/* When the next packet begins to be serialised; FAR if none waits. */
static int64_t serve(struct direction *way, int64_t now) {
    while (way->served < way->tail) {
        struct packet *packet = &way->ring[way->served % SLOTS];
        int64_t start = packet->arrival > way->free_at ? packet->arrival : way->free_at;
        if (start > now) return start;
        int64_t finish = serialised(way, &start, packet->length);
        if (start > now || finish == FAR) return start > now ? start : FAR;
        way->free_at = finish;
        way->waiting -= packet->length;
        packet->release = finish + way->delay;
        packet->lost = lose(way);
        way->served++;
    }
    return FAR;
}

static void count_delivery(struct direction *way, const struct packet *packet, int64_t now) {
    int payload = payload_of(packet->bytes, packet->length);
    int64_t bin = (now - origin) / BIN_NS, late = now - packet->release;
    way->packets++;
    way->bytes += packet->length;
    way->payload += payload;
    way->late[late / 10000 < LATE_BINS ? late / 10000 : LATE_BINS - 1]++;
    if (late > way->latest) way->latest = late;
    if (way == &down) watch_connections(packet->bytes, packet->length, 0);
    if (bin < 0 || bin >= BINS) return;
    way->bins[bin] += payload;
    while (used_bins <= bin) open_bins[used_bins++] = (short)open_now;
    open_bins[bin] = (short)open_now;
}

/* When the next packet is due; FAR if none is under way. */
static int64_t deliver(struct direction *way) {
    while (way->head < way->served) {
        struct packet *packet = &way->ring[way->head % SLOTS];
        int64_t now = now_ns();
        if (packet->release > now) return packet->release;
        if (packet->lost) {
            way->lost++;
        } else {
            if (write(way->out, packet->bytes, packet->length) < 0 && errno != EIO && errno != EINVAL && errno != ENOBUFS) fail("write");
            count_delivery(way, packet, now);
        }
        way->head++;
    }
    return FAR;
}

static void carry(void) {
    sigset_t none;
    sigemptyset(&none);
    while (!ended) {
        int more = arrive(&down) == BATCH;
        more |= arrive(&up) == BATCH;
        int64_t now = now_ns();
        int64_t wakes[] = {serve(&down, now), serve(&up, now), deliver(&down), deliver(&up)};
        int64_t next = FAR;
        for (int number = 0; number < 4; number++) next = wakes[number] < next ? wakes[number] : next;
        struct pollfd files[] = {{down.in, POLLIN, 0}, {up.in, POLLIN, 0}};
        now = now_ns();
        int64_t pause = more || next <= now ? 0 : next - now;
        struct timespec wait = {pause / 1000000000, pause % 1000000000};
        ppoll(files, 2, next == FAR && !more ? NULL : &wait, &none);
    }
}

static double late_quantile(const struct direction *way, double part) {
    int64_t seen = 0;
    for (int bin = 0; bin < LATE_BINS; bin++)
        if ((seen += way->late[bin]) >= part * way->packets) return (bin + 1) * 1e-5;
    return way->latest / 1e9;
}

static void report(const struct direction *way) {
    printf("\"%s\": {\"packets\": %lld, \"bytes\": %lld, \"payload\": %lld, \"lost\": %lld, \"dropped\": %lld, \"overflowed\": %lld, ",
           way->name, (long long)way->packets, (long long)way->bytes, (long long)way->payload, (long long)way->lost,
           (long long)way->dropped, (long long)way->overflowed);
    printf("\"deepest\": %lld, \"late_p50\": %.6f, \"late_p99\": %.6f, \"latest\": %.6f, \"payload_bins\": [", (long long)way->deepest,
           way->packets ? late_quantile(way, 0.5) : 0, way->packets ? late_quantile(way, 0.99) : 0, way->latest / 1e9);
    for (int bin = 0; bin < used_bins; bin++) printf("%s%lld", bin ? ", " : "", (long long)way->bins[bin]);
    printf("]}");
}

static void attach(struct direction *reads, struct direction *writes, const char *space, const char *device) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int net = open(path, O_RDONLY | O_CLOEXEC);
    if (net < 0 || setns(net, CLONE_NEWNET) < 0) fail(path);
    close(net);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
    int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 || ioctl(file, TUNSETIFF, &request) < 0) fail(device);
    reads->in = writes->out = file;
}

static void add_step(struct direction *way, double at, double rate) {
    if (way->step_count == STEPS) {
        fprintf(stderr, "too many steps\n");
        exit(2);
    }
    way->steps[way->step_count++] = (struct step){(int64_t)(at * 1e9), rate};
}

static void configure(char *pair) {
    char *value = strchr(pair, '=');
    if (!value) goto wrong;
    *value++ = 0;
    if (!strcmp(pair, "seed")) {
        random_state ^= strtoull(value, NULL, 10) * 0x9E3779B97F4A7C15ull;
        for (int turn = 0; turn < 16; turn++) chance();
        return;
    }
    char *key = strchr(pair, '.');
    if (!key) goto wrong;
    *key++ = 0;
    struct direction *way = !strcmp(pair, "down") ? &down : &up;
    if (!strcmp(key, "rate")) way->steps[0].rate = atof(value);
    else if (!strcmp(key, "delay")) way->delay = (int64_t)(atof(value) * 1e9);
    else if (!strcmp(key, "queue")) way->queue = atoll(value);
    else if (!strcmp(key, "loss")) way->loss = atof(value);
    else if (!strcmp(key, "burst")) {
        if (sscanf(value, "%lf:%lf:%lf", &way->to_bad, &way->to_good, &way->loss_bad) != 3) goto wrong;
    } else if (!strcmp(key, "steps")) {
        for (char *part = strtok(value, ","); part; part = strtok(NULL, ",")) {
            double at, rate;
            if (sscanf(part, "%lf:%lf", &at, &rate) != 2) goto wrong;
            add_step(way, at, rate == 0 ? -1 : rate);
        }
    } else goto wrong;
    return;
wrong:
    fprintf(stderr, "wire: cannot read %s\n", pair);
    exit(2);
}

static void end(int number) {
    (void)number;
    ended = 1;
}

static void prepare(struct direction *way) {
    size_t size = sizeof(struct packet) * SLOTS;
    way->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (way->ring == MAP_FAILED) fail("mmap");
    add_step(way, 0, 0);
}

int main(int count, char **words) {
    if (count < 5) {
        fprintf(stderr, "usage: wire CLIENT-NS DEVICE SERVER-NS DEVICE [KEY=VALUE...]\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prepare(&down);
    prepare(&up);
    for (int number = 5; number < count; number++) configure(words[number]);
    attach(&up, &down, words[1], words[2]);
    attach(&down, &up, words[3], words[4]);
    /* Without these two a busy machine makes packets late; the statistics then say so. */
    struct sched_param urgent = {.sched_priority = 10};
    int scheduled = sched_setscheduler(0, SCHED_FIFO, &urgent) == 0;
    prctl(PR_SET_TIMERSLACK, 1);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    printf("ready\n");
    fflush(stdout);
    carry();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"connections\": %d, \"most_open\": %d, \"real_time\": %s, \"cpu\": %.3f, \"bin_seconds\": 0.1, \"open_bins\": [", connections,
           most_open, scheduled ? "true" : "false",
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    for (int bin = 0; bin < used_bins; bin++) printf("%s%d", bin ? ", " : "", open_bins[bin]);
    printf("], ");
    report(&down);
    printf(", ");
    report(&up);
    printf("}\n");
    return 0;
}
