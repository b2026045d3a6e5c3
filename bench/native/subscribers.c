/* Many graphql-transport-ws subscribers in one process, counting what they get: the load of live.py and storm.py.
 *
 *     subscribers PORT SAMPLE_EVERY [MARK]
 *
 * Standard input: a line of further HTTP headers (may be empty; fields apart by tabs), a line "COUNT PER_SECOND", and
 * COUNT lines, each the JSON of one subscriber's `subscribe` message, after a header of its own and a tab if it has one.
 * PER_SECOND 0: as fast as they are answered, 64 at a time. It then says "live LIVE FAILED" once all have sent theirs,
 * and answers commands, each a line: "stat" with one JSON object, "reset" with an empty one, having begun to count anew,
 * "quit". One command at a time.
 *
 * Every frame of every socket is counted. Of each SAMPLE_EVERYth socket a message's age is taken: its "height" is the
 * monotonic clock's seconds modulo 1,000 at the time of sending. With MARK each socket's time from its connect to the
 * first message that holds these bytes (among its first 480) is kept.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { SHAKING, WAITING, LIVE, GONE };
enum { HEAD = 480, AT_ONCE = 64, SAMPLES = 1 << 22, PAUSE_NS = 300000 };

struct peer {
    int fd, state, closed_with;
    uint64_t skip;        /* bytes of the present frame that are not looked at */
    uint32_t held;        /* bytes in head: the beginning of a frame, or the answer to the handshake */
    char head[HEAD + 16];
    uint64_t frames;
    double began, marked; /* seconds; marked 0: not yet */
    char *header, *subscribe; /* header: its own, beside those of all; empty or with its line end */
};

static struct peer *peers;
static int count, made, live, failed, gone, epoll_fd, sample_every = 10;
static uint64_t frames, bytes, errors, ages;
static uint32_t *age_us;
static const char *mark;
static char *headers, wide[1 << 20];
static struct sockaddr_in to = {.sin_family = AF_INET};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void drop(struct peer *peer) {
    if (peer->state == GONE) return;
    if (peer->state == LIVE) gone++;
    else failed++;
    peer->state = GONE;
    close(peer->fd);
}

static void text(struct peer *peer, const char *body) { /* the mask is zero, which masks nothing and is allowed */
    static char frame[70000];
    size_t size = strlen(body), at = 0;
    if (size > 65000) { drop(peer); return; }
    frame[at++] = (char)0x81;
    if (size < 126) frame[at++] = (char)(0x80 | size);
    else { frame[at++] = (char)0xfe; frame[at++] = (char)(size >> 8); frame[at++] = (char)size; }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, body, size);
    if (send(peer->fd, frame, at + 4 + size, MSG_NOSIGNAL) < 0) drop(peer);
}

static void begin(struct peer *peer) {
    char request[4096];
    int on = 1, used = snprintf(request, sizeof request,
        "GET /graphql HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n%s%s\r\n", ntohs(to.sin_port), headers, peer->header);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    peer->state = SHAKING;
    peer->began = now();
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        perror("connect");
        drop(peer);
        return;
    }
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer->fd, &event);
    if (send(peer->fd, request, used, MSG_NOSIGNAL) != used) drop(peer);
}

static void frame(struct peer *peer, const char *data, size_t size, int opcode, size_t whole) {
    size_t first = size < 120 ? size : 120;
    if (opcode == 8) { drop(peer); return; }
    if (opcode == 9) { /* at most 125 bytes, which come back */
        char pong[131] = {(char)0x8a, (char)(0x80 | size)};
        memcpy(pong + 6, data, size);
        if (send(peer->fd, pong, 6 + size, MSG_NOSIGNAL) < 0) drop(peer);
        return;
    }
    if (opcode != 1) return;
    if (memmem(data, first, "\"next\"", 6)) {
        peer->frames++;
        frames++;
        bytes += whole;
        if ((peer - peers) % sample_every == 0) {
            char *found = memmem(data, size, "\"height\":", 9);
            if (found && ages < SAMPLES) {
                double age = now(), sent = strtod(found + 9, NULL);
                age -= (double)((int64_t)(age / 1000) * 1000) + sent;
                if (age < -500) age += 1000;
                age_us[ages++] = age < 0 ? 0 : (uint32_t)(age * 1e6);
            }
        }
    } else if (memmem(data, first, "\"connection_ack\"", 16) && peer->state == WAITING) {
        peer->state = LIVE;
        live++;
        text(peer, peer->subscribe);
    } else if (memmem(data, first, "\"error\"", 7)) {
        if (!errors++) fprintf(stderr, "subscriber: %.*s\n", (int)size, data);
    } else if (memmem(data, first, "\"ping\"", 6)) {
        text(peer, "{\"type\":\"pong\"}");
    }
    if (mark && peer->marked == 0 && memmem(data, size, mark, strlen(mark))) peer->marked = now();
}

/* The frame at data: its header's length, 0 where more bytes are needed. */
static size_t header(const unsigned char *data, size_t size, uint64_t *payload) {
    if (size < 2) return 0;
    *payload = data[1] & 127;
    if (*payload < 126) return 2;
    if (*payload == 126) {
        if (size < 4) return 0;
        *payload = (uint64_t)data[2] << 8 | data[3];
        return 4;
    }
    if (size < 10) return 0;
    *payload = 0;
    for (int n = 2; n < 10; n++) *payload = *payload << 8 | data[n];
    return 10;
}

static void take(struct peer *peer, const char *data, size_t size) {
    while (size && peer->state != GONE) {
        if (peer->skip) {
            size_t part = size < peer->skip ? size : peer->skip;
            peer->skip -= part; data += part; size -= part;
            continue;
        }
        uint64_t payload;
        size_t head;
        if (!peer->held && (head = header((const unsigned char *)data, size, &payload)) && size >= head + payload) {
            frame(peer, data + head, payload, data[0] & 15, head + payload);
            data += head + payload; size -= head + payload;
            continue;
        }
        /* A frame that comes in parts: its beginning is kept, and what is beyond that skipped. */
        size_t part = size < 1 ? size : 1;
        head = header((unsigned char *)peer->head, peer->held, &payload);
        if (head) {
            size_t wanted = head + payload < HEAD ? head + payload : HEAD;
            part = wanted - peer->held < size ? wanted - peer->held : size;
        }
        memcpy(peer->head + peer->held, data, part);
        peer->held += part; data += part; size -= part;
        head = header((unsigned char *)peer->head, peer->held, &payload);
        if (head && (peer->held == head + payload || peer->held == HEAD)) {
            size_t kept = peer->held;
            peer->held = 0;
            peer->skip = head + payload - kept;
            frame(peer, peer->head + head, kept - head, peer->head[0] & 15, head + payload);
        }
    }
}

static void readable(struct peer *peer) {
    ssize_t got = recv(peer->fd, wide, sizeof wide, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) { drop(peer); return; }
    if (peer->state != SHAKING) { take(peer, wide, got); return; }
    if (peer->held + got > HEAD + 15) got = HEAD + 15 - peer->held;
    memcpy(peer->head + peer->held, wide, got);
    peer->held += got;
    peer->head[peer->held] = 0;
    char *end = strstr(peer->head, "\r\n\r\n");
    if (!end) { /* headers longer than what is kept: their last bytes matter alone */
        if (peer->held > HEAD - 100) { memmove(peer->head + 16, peer->head + peer->held - 3, 3); peer->held = 19; }
        return;
    }
    if (strncmp(peer->head, "HTTP/1.1 101", 12)) {
        if (!failed) fprintf(stderr, "subscriber: %.60s\n", peer->head);
        drop(peer);
        return;
    }
    peer->held = 0;
    peer->state = WAITING;
    text(peer, "{\"type\":\"connection_init\"}");
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int by_age(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void stat(void) {
    uint64_t least = UINT64_MAX, most = 0;
    int some = 0, marks = 0;
    double *took = malloc(sizeof(double) * (count + 1));
    for (int n = 0; n < count; n++) {
        if (peers[n].frames < least) least = peers[n].frames;
        if (peers[n].frames > most) most = peers[n].frames;
        some += peers[n].frames > 0;
        if (peers[n].marked) took[marks++] = peers[n].marked - peers[n].began;
    }
    qsort(age_us, ages, sizeof *age_us, by_age);
    qsort(took, marks, sizeof *took, by_size);
#define AGE(part) (ages ? age_us[(uint64_t)((ages - 1) * part)] / 1e3 : 0)
#define TOOK(part) (marks ? took[(int)((marks - 1) * part)] * 1e3 : 0)
    printf("{\"live\":%d,\"failed\":%d,\"gone\":%d,\"errors\":%lu,\"frames\":%lu,\"bytes\":%lu,\"least\":%lu,\"most\":%lu,"
           "\"some\":%d,\"ages\":%lu,\"p50\":%.3f,\"p99\":%.3f,\"worst\":%.3f,\"marks\":%d,\"mark_p50\":%.1f,"
           "\"mark_p99\":%.1f,\"mark_worst\":%.1f}\n",
           live - gone, failed, gone, errors, frames, bytes, count ? least : 0, most, some, ages, AGE(.5), AGE(.99), AGE(1),
           marks, TOOK(.5), TOOK(.99), TOOK(1));
    fflush(stdout);
    free(took);
}

static void reset(void) {
    frames = bytes = errors = ages = 0;
    for (int n = 0; n < count; n++) peers[n].frames = 0;
}

static char *line(void) {
    static char *text;
    static size_t room;
    ssize_t size = getline(&text, &room, stdin);
    if (size < 0) return NULL;
    text[strcspn(text, "\n")] = 0;
    return text;
}

int main(int words, char **word) {
    if (words < 3) return 2;
    to.sin_port = htons(atoi(word[1]));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sample_every = atoi(word[2]);
    mark = words > 3 ? word[3] : NULL;
    age_us = malloc(sizeof *age_us * SAMPLES);
    char *given = line();
    if (!given) return 2;
    headers = calloc(1, strlen(given) * 2 + 4);
    for (char *field = strtok(given, "\t"); field; field = strtok(NULL, "\t")) { strcat(headers, field); strcat(headers, "\r\n"); }
    double per_second = 0;
    given = line();
    if (!given || sscanf(given, "%d %lf", &count, &per_second) < 1) return 2;
    peers = calloc(count + 1, sizeof *peers);
    for (int n = 0; n < count; n++) {
        if (!(given = line())) return 2;
        char *tab = strchr(given, '\t');
        if (tab) *tab = 0;
        if (asprintf(&peers[n].header, tab ? "%s\r\n" : "", given) < 0) return 2;
        peers[n].subscribe = strdup(tab ? tab + 1 : given);
        peers[n].fd = -1;
        peers[n].state = SHAKING;
    }
    epoll_fd = epoll_create1(0);
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = NULL}, events[4096];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &in);
    const struct timespec pause = {0, PAUSE_NS};
    double began = now();
    int told = 0;
    for (;;) {
        int due = per_second > 0 ? (int)((now() - began) * per_second) + 1 : live + failed + AT_ONCE;
        for (int now_at_once = 0; made < count && made < due && now_at_once < 16; now_at_once++) begin(&peers[made++]);
        if (!told && live + failed == count) {
            told = 1;
            printf("live %d %d\n", live, failed);
            fflush(stdout);
        }
        /* Real subscribers are elsewhere. If this process slept in the kernel for each message, whoever sends would pay
         * for waking it: the more, the slower he is. So it looks by itself, and a message seems up to PAUSE older. */
        if (told) nanosleep(&pause, NULL);
        int found = epoll_wait(epoll_fd, events, 4096, told ? 0 : 1);
        for (int n = 0; n < found; n++) {
            struct peer *peer = events[n].data.ptr;
            if (peer) { if (peer->state != GONE) readable(peer); continue; }
            char *command = line();
            if (!command || !strcmp(command, "quit")) return 0;
            if (!strcmp(command, "stat")) stat();
            else if (!strcmp(command, "reset")) reset(), puts("{}"), fflush(stdout);
        }
    }
}
