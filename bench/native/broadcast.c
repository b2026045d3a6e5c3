/* A bare websocket broadcast: the least that one `send` per delivery can cost. No GraphQL, no buffer, no second thread.
 *
 *     broadcast [MQTT_PORT]
 *
 * Prints its port. Each websocket subscribes to one drone (a message with "id":"<number>" in its variables) or to all
 * (no such thing), and gets a frame that is made once per event. "run EVENTS PER_SECOND DRONES" on standard input sends
 * so many, drone after drone, and then prints "done"; with MQTT_PORT it sends what is published at position/#.
 * Only what bench/native/subscribers.c says is understood: it accepts the one key that RFC 6455 has as its example.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 70000, DRONES = 5000 };

static const char shaken[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
static const char acknowledged[] = "\x81\x19{\"type\":\"connection_ack\"}";
static const char event[] =
    "{\"droneId\":\"%d\",\"position\":{\"longitude\":8.540123,\"latitude\":47.380123,\"height\":%010.6f,"
    "\"reportedAt\":\"2026-05-01T00:00:00.%06d+00:00\"},\"telemetry\":{\"heading\":121.5,\"horizontalSpeed\":7.25,"
    "\"elevation\":88.5}}";

static struct { int *fd, size, room; } of[DRONES + 1]; /* 0: who watches all */
static int epoll_fd;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void put(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent >= 0) { data += sent; size -= sent; continue; }
        if (errno != EAGAIN) return;
        struct pollfd full = {fd, POLLOUT, 0};
        poll(&full, 1, 1000);
    }
}

static void broadcast(int drone, const char *value, size_t size) {
    static char frame[65536];
    static const char *const field[2] = {"workspacePositions", "dronePosition"};
    for (int kind = 0; kind < 2; kind++) {
        int which = kind ? drone : 0;
        if (!of[which].size) continue;
        int used = snprintf(frame + 4, sizeof frame - 4, "{\"id\":\"s00000\",\"type\":\"next\",\"payload\":{\"data\":{\"%s\":%s%.*s%s}}}",
                            field[kind], kind ? "" : "[", (int)size, value, kind ? "" : "]");
        frame[0] = (char)0x81; frame[1] = 126; frame[2] = (char)(used >> 8); frame[3] = (char)used;
        for (int n = 0; n < of[which].size; n++) put(of[which].fd[n], frame, used + 4);
    }
}

static void run(int events, double per_second, int drones) {
    char value[512];
    double began = now(), wait;
    for (int n = 0; n < events; n++) {
        /* All that falls into a hundredth of a second comes at its beginning. */
        if ((wait = began + floor(n / per_second * 100) / 100 - now()) > 0) {
            struct timespec pause = {(time_t)wait, (long)((wait - (time_t)wait) * 1e9)};
            nanosleep(&pause, NULL);
        }
        double at = now();
        int drone = n % drones + 1;
        int size = snprintf(value, sizeof value, event, drone, at - (double)((int64_t)(at / 1000) * 1000), n % 1000000);
        broadcast(drone, value, size);
    }
    puts("done");
    fflush(stdout);
}

static void spoken(int fd) {
    static char data[65536];
    ssize_t got = recv(fd, data, sizeof data - 1, 0);
    if (got <= 0) { if (got == 0 || errno != EAGAIN) close(fd); return; }
    data[got] = 0;
    if (!strncmp(data, "GET ", 4)) { put(fd, shaken, sizeof shaken - 1); return; }
    if (memmem(data, got, "connection_init", 15)) { put(fd, acknowledged, sizeof acknowledged - 1); return; }
    if (!memmem(data, got, "\"subscribe\"", 11)) return;
    char *variables = memmem(data, got, "\"variables\":{\"id\":\"", 19);
    int which = variables ? atoi(variables + 19) : 0;
    if (which < 0 || which > DRONES) return;
    if (of[which].size == of[which].room) of[which].fd = realloc(of[which].fd, sizeof(int) * (of[which].room += 64));
    of[which].fd[of[which].size++] = fd;
}

static int mqtt(int port) {
    static const char hello[] = "\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05""bench" "\x82\x0f\x00\x01\x00\x0aposition/#\x00";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) { perror("mqtt"); exit(1); }
    put(fd, hello, sizeof hello - 1);
    return fd;
}

static void published(int fd) { /* QoS 0 alone; anything else is skipped */
    static unsigned char data[1 << 20];
    static size_t held;
    ssize_t got = recv(fd, data + held, sizeof data - held, 0);
    if (got <= 0) exit(1);
    held += got;
    size_t at = 0;
    for (;;) {
        size_t size = 0, head = at + 1, shift = 0;
        if (head >= held) break;
        do size |= (size_t)(data[head] & 127) << shift, shift += 7; while (data[head++] & 128 && head < held);
        if (head + size > held) break;
        if (data[at] >> 4 == 3) {
            size_t topic = data[head] << 8 | data[head + 1];
            broadcast(atoi((char *)data + head + 2 + 9), (char *)data + head + 2 + topic, size - 2 - topic);
        }
        at = head + size;
    }
    memmove(data, data + at, held - at);
    held -= at;
}

int main(int words, char **word) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int on = 1, listening = socket(AF_INET, SOCK_STREAM, 0), broker = words > 1 ? mqtt(atoi(word[1])) : -1;
    bind(listening, (struct sockaddr *)&at, sizeof at);
    listen(listening, 4096);
    getsockname(listening, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(0);
    int first[3] = {0, listening, broker};
    struct epoll_event in = {.events = EPOLLIN}, events[256];
    for (int n = 0; n < 3; n++) {
        in.data.fd = first[n];
        if (first[n] >= 0) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, first[n], &in);
    }
    for (;;) {
        int found = epoll_wait(epoll_fd, events, 256, -1);
        for (int n = 0; n < found; n++) {
            int fd = events[n].data.fd;
            if (fd == 0) {
                char command[128];
                int count, drones;
                double rate;
                if (!fgets(command, sizeof command, stdin)) return 0;
                if (sscanf(command, "run %d %lf %d", &count, &rate, &drones) == 3) run(count, rate, drones);
            } else if (fd == listening) {
                in.data.fd = accept(listening, NULL, NULL);
                setsockopt(in.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                fcntl(in.data.fd, F_SETFL, O_NONBLOCK);
                epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in.data.fd, &in);
            } else if (fd == broker) published(fd);
            else spoken(fd);
        }
    }
}
