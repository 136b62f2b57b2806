/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The evidence: what the kernel showed, before anybody judged it.
 *
 * The BPF program fills these records and sends them through the ring buffer; user space reads
 * them. Both sides include this file, and nothing else is shared but the rules (classify.h) and
 * the table of verdicts (verdicts.def). Fixed-width types, explicit padding, sizes asserted.
 */
#ifndef TCPWHY_EVIDENCE_H
#define TCPWHY_EVIDENCE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* What happened: which kind of event the facts describe. */
enum event {
	EVENT_DEATH = 1, /* a full socket reached TCP_CLOSE: inet_sock_set_state() */
	EVENT_RESET,     /* an RST was sent in reply to a segment: tcp_v4_send_reset() */
	EVENT_ACK_DROP,  /* the ACK that ends a handshake met a full accept queue */
	EVENT_SYN_DROP,  /* a listener dropped SYNs (counted from sk_drops) */
	EVENT_COOKIES,   /* a listener answered SYNs with cookies: tcp_synq_overflow() */
	EVENT_CALL,      /* a system call on a socket failed: sock_send_length, sock_recv_length */
	EVENT_BAD_FD,    /* a system call gave EBADF on a descriptor that was a socket: sys_exit */
};

/* What kind of socket the event belongs to. */
enum socket_kind {
	SOCKET_NONE = 0,  /* the segment matched no socket */
	SOCKET_FULL,      /* struct tcp_sock of a connection */
	SOCKET_LISTEN,    /* struct tcp_sock in TCP_LISTEN */
	SOCKET_TIME_WAIT, /* struct inet_timewait_sock, in FIN_WAIT2 or TIME_WAIT */
};

/* Where the name of the process comes from. */
enum owner_source {
	OWNER_UNKNOWN = 0, /* nobody could be named */
	OWNER_CURRENT,     /* the task that held the socket lock: exact */
	OWNER_CLOSER,      /* the task that closed or shut down the socket earlier: exact */
	OWNER_LISTENER,    /* the task that called listen() */
	OWNER_FD,          /* it held a descriptor of the socket a moment later: find_holders */
};

/* Bits of facts.flags. */
enum fact_flag {
	/* of the socket */
	FACT_DEAD = 1 << 0,        /* SOCK_DEAD: no process has it any more */
	FACT_PEER_FIN = 1 << 1,    /* SOCK_DONE: the peer's FIN was received, tcp_fin() */
	FACT_KEEPALIVE = 1 << 2,   /* SOCK_KEEPOPEN: SO_KEEPALIVE is on */
	FACT_LINGER_ZERO = 1 << 3, /* SO_LINGER with a time of 0 */
	FACT_LINGER2_OFF = 1 << 4, /* TCP_LINGER2 < 0 */
	FACT_OWNED = 1 << 5,       /* sk_lock.owned: a task holds the socket lock */
	FACT_ATTACHED = 1 << 6,    /* sk_socket != NULL: accepted or created, not yet closed */
	FACT_TSTAMP_OK = 1 << 7,   /* RFC 7323 timestamps were negotiated */
	FACT_SAW_TSTAMP = 1 << 8,  /* the last segment (an RST, perhaps) carried one */
	FACT_PASSIVE = 1 << 9,     /* born from a listener: we are the server */
	FACT_REPAIR = 1 << 10,     /* TCP_REPAIR is on (checkpoint and restore) */
	FACT_NETNS_GONE = 1 << 11, /* its network namespace is being deleted: !check_net() */
	/* of the segment that was answered or dropped */
	FACT_SEG_SYN = 1 << 16,
	FACT_SEG_ACK = 1 << 17,
	FACT_SEG_RST = 1 << 18,
	FACT_SEG_FIN = 1 << 19,
	/* of the listener */
	FACT_QUEUE_FULL = 1 << 20, /* sk_ack_backlog > sk_max_ack_backlog, sk_acceptq_is_full() */
	FACT_ABORT_OVERFLOW = 1 << 21, /* net.ipv4.tcp_abort_on_overflow is 1 */
	FACT_EMBRYONIC = 1 << 22, /* reset reason INVALID_SYN: tcp_check_req() gave up a request */
	FACT_SYN_QUEUE_FULL = 1 << 23, /* requests >= sk_max_ack_backlog, reqsk_queue_is_full() */
	FACT_INFERRED = 1 << 25,       /* the kernel offers nothing that says so: likely only */
	/* of the segment again */
	FACT_ON_ITS_WAY = 1 << 26, /* its connection ended here less than one RTO ago: ended.h */
	/* of the call */
	FACT_SENDING = 1 << 24, /* it was to send; else to receive */
};

/*
 * What the rules look at, and nothing else: classify() sees only this. Deaths fill it from the
 * socket at the choke point; for other events what does not apply is 0.
 */
struct facts {
	__u8 event;            /* enum event */
	__u8 socket;           /* enum socket_kind */
	__u8 state;            /* TCP state: before the change for a death, else of the socket */
	__u8 shutdown;         /* sk_shutdown: 1 = RCV_SHUTDOWN, 2 = SEND_SHUTDOWN */
	__u16 err;             /* sk_err, a positive errno */
	__u16 err_soft;        /* sk_err_soft: from ICMP, kept until a timer gives up */
	__u32 flags;           /* enum fact_flag */
	__u32 unread;          /* bytes received and never read: rcv_nxt - copied_seq, less FIN */
	__u32 unacked;         /* sequence space sent and not acknowledged: snd_nxt - snd_una */
	__u32 unsent;          /* sequence space written and not yet sent: write_seq - snd_nxt */
	__u32 snd_wnd;         /* bytes, the window that the peer last offered */
	__u32 user_timeout_ms; /* TCP_USER_TIMEOUT, 0 = none: icsk_user_timeout */
	__u32 heard_ms;        /* since the last acknowledgement from the peer: rcv_tstamp */
	__u32 sent_ms;         /* since our last data segment, or the handshake: lsndtime */
	__u32 srtt_us;         /* smoothed round-trip time */
	__u32 tick_us;         /* resolution of heard_ms and sent_ms: one jiffy */
	__u32 segs_in;         /* segments received */
	__u32 segs_out;        /* segments sent */
	__u8 probes_out;       /* keepalive or window probes not answered: icsk_probes_out */
	__u8 retransmits;      /* unanswered retransmissions in a row: icsk_retransmits */
	__u8 pad[2];
	__u32 received_ms;    /* since the peer's last data, or the handshake: lrcvtime */
	__u64 bytes_acked;    /* RFC 4898 tcpEStatsAppHCThruOctetsAcked; our SYN counts 1 */
	__u64 bytes_received; /* RFC 4898 tcpEStatsAppHCThruOctetsReceived */
};

#define TASK_NAME_LEN 16 /* TASK_COMM_LEN */

/* A process, as it was when the kernel saw it. */
struct owner {
	__u32 pid;       /* thread group id in the initial PID namespace, 0 = unknown */
	__u32 exit_code; /* task->exit_code if exiting: a signal, or exit status << 8 */
	__u64 cgroup;    /* id of its cgroup (v2), the inode of the directory; 0 = unknown */
	char comm[TASK_NAME_LEN]; /* of the thread group leader: any bytes, hostile */
	__u8 source;              /* enum owner_source */
	__u8 exiting; /* 1: the process was dying, PF_EXITING, and that closed the socket */
	__u8 pad[6];
};

/* Both ends of a connection; the local end is the one whose socket (or host) this is about. */
struct tuple {
	__u8 laddr[16]; /* IPv4: the first four bytes; network order */
	__u8 raddr[16];
	__u16 lport; /* host order */
	__u16 rport;
	__u16 family; /* AF_INET or AF_INET6, of the addresses above */
	__u16 pad;
};

/* Records in the ring buffer: type and size first, so that a reader can refuse what it doesn't
 * know. */
enum record_type {
	RECORD_EVIDENCE = 1, /* struct evidence */
	RECORD_CLOSER,       /* struct closer_record */
	RECORD_QUEUE_FULL,   /* struct record_head only: look at the listeners soon */
};

struct record_head {
	__u16 type; /* enum record_type */
	__u16 size; /* of the whole record, bytes */
	__u32 pad;
};

/* One death or one incident. */
struct evidence {
	struct record_head head;
	__u64 time_ns; /* CLOCK_MONOTONIC: bpf_ktime_get_ns() */
	__u64 sock_id; /* tells sockets apart while they live; 0 = none */
	__u64 socket;  /* struct socket, to which descriptors lead: sk_socket; 0 = none */
	__u64 inode;   /* of the socket file, as in /proc/PID/fd; 0 = none */
	struct facts facts;
	struct tuple tuple;
	struct owner owner;
	__u32 netns;              /* inode of the network namespace */
	__u8 keepalive_probes;    /* effective TCP_KEEPCNT or net.ipv4.tcp_keepalive_probes */
	__u8 retries;             /* net.ipv4.tcp_retries2; of an orphan tcp_orphan_retries */
	__u8 usual_ttl;           /* TTL of the connection's segments, if it was watched; else 0 */
	__u8 rst_ttl;             /* TTL of the RST that ended it, likewise */
	__u32 keepalive_time_ms;  /* effective TCP_KEEPIDLE or net.ipv4.tcp_keepalive_time */
	__u32 keepalive_intvl_ms; /* effective TCP_KEEPINTVL or net.ipv4.tcp_keepalive_intvl */
	__u32 total_retrans;      /* segments retransmitted in the life of the connection */
	__u32 backlog;        /* of a listener: connections waiting in accept(), sk_ack_backlog */
	__u32 backlog_max;    /* of a listener: min(listen() backlog, somaxconn) */
	__u32 somaxconn;      /* of a listener: net.core.somaxconn of its namespace */
	__u32 syn_queue;      /* of a listener: handshakes under way, icsk_accept_queue.qlen */
	__u32 full_ms;        /* of a listener: for how long its accept queue has been full */
	__u32 unaccepted_ms;  /* of a listener: for how long nothing was accepted, at least; 0 =
				 unknown */
	__u32 closed_ms;      /* since our process closed or shut down, if known; else 0. Under
				 FACT_ON_ITS_WAY since the connection ended */
	__s32 call_fd;        /* of EVENT_BAD_FD: the descriptor */
	__u32 call_nr;        /* of EVENT_BAD_FD: the number of the system call */
	__u32 seg_len;        /* payload bytes of the segment that was answered or dropped */
	__u32 snd_una;        /* of a full socket: first sequence number not acknowledged */
	__u32 snd_nxt;        /* of a full socket: next sequence number to be sent */
	__u32 rcv_nxt;        /* of a full socket: next sequence number expected */
	__u32 seg_seq;        /* sequence number of the segment that was answered or dropped */
	__u32 count;          /* how many such events this record stands for, at least 1 */
	__u32 fin_silence_ms; /* of data before the first FIN, ours or the peer's; 0 = unknown */
	__u32 written_ms; /* since the write that was never acknowledged; 0 = nothing was sent again
			   */
	__u32 jiffies;    /* of the kernel, at this time; with which those of closers compare */
	__u64 closer_key; /* user space is to look for its closer: struct closer; 0 = no need */
};

/*
 * tcp_rto_min(), the lower bound of a retransmission's timer, unless a route sets another: what
 * written_ms adds at least to the time of the first retransmission, or of the SYN.
 */
#define RTO_MIN_MS 200

/* Sent when a socket is closed that had died with its owner unknown: now the owner is known. */
struct closer_record {
	struct record_head head;
	__u64 sock_id;
	struct owner owner;
};

/*
 * Who has lately closed a socket, or shut it down. Each CPU has a ring of its own in the table of
 * closers, where the newest takes the place of the oldest; for a minute of TIME_WAIT they have room
 * for 1000 closes a second. User space looks for a closer if it is needed, which is seldom.
 */
#define CLOSERS      65536 /* a power of two: numbers have 16 bits */
#define CLOSER_RINGS 1024  /* a power of two; more CPUs share */

#define ORDERLY_VERDICTS 2 /* which come first in verdicts.def */

struct closer {
	__u64 key;         /* hash and both ports of the connection; 0 = none, or being written */
	__u32 jiffies;     /* when it closed */
	__u32 silence;     /* jiffies without data before our FIN, if it was the first; else 0 */
	__u32 pid : 30;    /* of the process, 0 = unknown */
	__u32 exiting : 1; /* as in struct owner */
	__u32 passes : 1;  /* its process and cgroup pass the filter */
	__u16 exit_code;   /* as in struct owner, where 16 bits are in use */
	__u16 before;      /* the one before it with such a hash, 0 = none; under -p and --cgroup */
};

/*
 * What a CPU writes of healthy connections, in one cache line. It counts; the counters' map has the
 * rest. More CPUs than CLOSER_RINGS share.
 */
struct cpu_line {
	__u64 orderly[ORDERLY_VERDICTS]; /* by enum verdict: the first ones */
	__u64 destroyed;                 /* COUNT_DESTROYED */
	__u32 closers; /* how many were written in its ring: the newest is the one before it */
	__u32 pad[9];
};

/* How large a ring is, a power of two, if there are so many CPUs: all have the same share. */
static inline __u32 closer_ring_size(__u32 cpus)
{
	__u32 rings = 1;

	while (rings < cpus && rings < CLOSER_RINGS)
		rings *= 2;
	return CLOSERS / rings;
}

/* The ring of a CPU. */
static inline __u32 closer_ring_of(__u32 cpu)
{
	return cpu & (CLOSER_RINGS - 1);
}

/* The number of the nth of a ring. */
static inline __u32 closer_number(__u32 ring, __u32 per_ring, __u32 n)
{
	return (ring * per_ring + (n & (per_ring - 1))) & (CLOSERS - 1);
}

/* What is known of the processes of closers, in the slot of its PID, modulo their number. */
#define CLOSING_PROCESSES 4096 /* a power of two */

struct closing_process {
	__u64 css_set; /* of its cgroups, when it was learnt: task->cgroups */
	__u64 started; /* CLOCK_MONOTONIC, ns: what closed before then was another with its PID */
	struct owner owner;
} __attribute__((aligned(64)));

#define WANTED_MAX 256 /* at once */

/* A socket whose holder is looked for: a key and value of the map of the wanted. */
struct wanted {
	__u64 socket;       /* as in the evidence; may have been freed, and its memory used again */
	__u64 inode;        /* as in the evidence: tells it from its successor */
	struct owner owner; /* pid 0: not found yet */
};

_Static_assert(sizeof(struct facts) == 80, "facts are part of the wire format");
_Static_assert(sizeof(struct closer) == 24, "closer is shared memory");
_Static_assert(sizeof(struct cpu_line) == 64, "cpu_line is a cache line");
_Static_assert(sizeof(struct closing_process) == 64, "closing_process is a cache line");
_Static_assert(sizeof(struct evidence) == 304, "evidence is a wire format");
_Static_assert(sizeof(struct closer_record) == 56, "closer_record is a wire format");

/* Counters beside the verdicts, per CPU in the kernel. */
enum counter {
	COUNT_DESTROYED = 0, /* TCP sockets freed on the whole host, unfiltered: tcp_destroy_sock */
	COUNT_RETRANS,       /* segments sent again, as TcpRetransSegs counts them */
	COUNT_RESETS_SENT,   /* as TcpOutRsts counts them */
	COUNT_RESETS_RECEIVED, /* that met a connection */
	COUNT_LOST,            /* records that found the ring buffer full */
	COUNT_CALLS_MISSED,    /* system calls not seen, under --errors: by user space, capture.c */
	COUNTER_MAX,
};

#define VERDICTS_MAX 64 /* room in the counters' map, a power of two; verdicts.def must fit */

/* The value of the per-CPU counters' map. */
struct counts {
	__u64 verdict[VERDICTS_MAX]; /* by enum verdict */
	__u64 thinned[VERDICTS_MAX]; /* of these, so many had no record: records_per_slice */
	__u64 other[COUNTER_MAX];    /* by enum counter */
};

#endif
