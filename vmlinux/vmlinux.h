/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that the BPF side needs. Generated, do not edit: change vmlinux/types.txt, then
 *
 *	tools/gen-vmlinux > vmlinux/vmlinux.h
 *
 * A struct holds only the fields listed there, in that order. CO-RE finds them by name in the kernel that runs, so
 * neither offsets nor sizes mean anything here. Enumerators have the values of the kernel that this was made of; its
 * BTF had the SHA-256
 * 7748b565c0548ef6e915dc5d9abbf4d0f2ac6eee1bfb99f91dc908ca11fa106c
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter_meta;
struct bpf_map;
struct cgroup;
struct css_set;
struct dentry;
struct fdtable;
struct file;
struct files_struct;
struct inode;
struct ipv6_pinfo;
struct kernfs_node;
struct mm_struct;
struct mnt_namespace;
struct mount;
struct net;
struct net_device;
struct nsproxy;
struct request_sock;
struct seq_file;
struct sock;
struct sock_common;
struct sock_reuseport;
struct socket;
struct super_block;
struct task_struct;
struct vfsmount;

enum {
	false = 0,
	true = 1,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_CLONE = 512,
	BPF_SK_STORAGE_GET_F_CREATE = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

enum {
	BPF_TCP_ESTABLISHED = 1,
	BPF_TCP_SYN_SENT = 2,
	BPF_TCP_SYN_RECV = 3,
	BPF_TCP_FIN_WAIT1 = 4,
	BPF_TCP_FIN_WAIT2 = 5,
	BPF_TCP_TIME_WAIT = 6,
	BPF_TCP_CLOSE = 7,
	BPF_TCP_CLOSE_WAIT = 8,
	BPF_TCP_LAST_ACK = 9,
	BPF_TCP_LISTEN = 10,
	BPF_TCP_CLOSING = 11,
	BPF_TCP_NEW_SYN_RECV = 12,
};

enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC = 0,
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_SOCKMAP = 15,
	BPF_MAP_TYPE_CPUMAP = 16,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_SOCKHASH = 18,
	BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED = 19,
	BPF_MAP_TYPE_CGROUP_STORAGE = 19,
	BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED = 21,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = 21,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_DEVMAP_HASH = 25,
	BPF_MAP_TYPE_STRUCT_OPS = 26,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_MAP_TYPE_BLOOM_FILTER = 30,
	BPF_MAP_TYPE_USER_RINGBUF = 31,
	BPF_MAP_TYPE_CGRP_STORAGE = 32,
	BPF_MAP_TYPE_ARENA = 33,
	__MAX_BPF_MAP_TYPE = 34,
};

typedef enum {
	SS_FREE = 0,
	SS_UNCONNECTED = 1,
	SS_CONNECTING = 2,
	SS_CONNECTED = 3,
	SS_DISCONNECTING = 4,
} socket_state;

enum sk_rst_reason {
	SK_RST_REASON_NOT_SPECIFIED = 0,
	SK_RST_REASON_NO_SOCKET = 1,
	SK_RST_REASON_TCP_INVALID_ACK_SEQUENCE = 2,
	SK_RST_REASON_TCP_RFC7323_PAWS = 3,
	SK_RST_REASON_TCP_TOO_OLD_ACK = 4,
	SK_RST_REASON_TCP_ACK_UNSENT_DATA = 5,
	SK_RST_REASON_TCP_FLAGS = 6,
	SK_RST_REASON_TCP_OLD_ACK = 7,
	SK_RST_REASON_TCP_ABORT_ON_DATA = 8,
	SK_RST_REASON_TCP_TIMEWAIT_SOCKET = 9,
	SK_RST_REASON_INVALID_SYN = 10,
	SK_RST_REASON_TCP_ABORT_ON_CLOSE = 11,
	SK_RST_REASON_TCP_ABORT_ON_LINGER = 12,
	SK_RST_REASON_TCP_ABORT_ON_MEMORY = 13,
	SK_RST_REASON_TCP_STATE = 14,
	SK_RST_REASON_TCP_KEEPALIVE_TIMEOUT = 15,
	SK_RST_REASON_TCP_DISCONNECT_WITH_DATA = 16,
	SK_RST_REASON_MPTCP_RST_EUNSPEC = 17,
	SK_RST_REASON_MPTCP_RST_EMPTCP = 18,
	SK_RST_REASON_MPTCP_RST_ERESOURCE = 19,
	SK_RST_REASON_MPTCP_RST_EPROHIBIT = 20,
	SK_RST_REASON_MPTCP_RST_EWQ2BIG = 21,
	SK_RST_REASON_MPTCP_RST_EBADPERF = 22,
	SK_RST_REASON_MPTCP_RST_EMIDDLEBOX = 23,
	SK_RST_REASON_ERROR = 24,
	SK_RST_REASON_MAX = 25,
};

enum skb_drop_reason {
	SKB_DROP_REASON_TCP_LISTEN_OVERFLOW = 40,
	SKB_DROP_REASON_NO_SOCKET = 3,
	SKB_DROP_REASON_TCP_FLAGS = 30,
	SKB_DROP_REASON_NOT_SPECIFIED = 2,
};

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
typedef unsigned long __kernel_ulong_t;
typedef __kernel_ulong_t __kernel_size_t;
typedef __kernel_size_t size_t;
typedef unsigned int __kernel_uid32_t;
typedef __kernel_uid32_t uid_t;
typedef __u16 __sum16;
typedef int __kernel_pid_t;
typedef __kernel_pid_t pid_t;
typedef unsigned short umode_t;
typedef u32 __kernel_dev_t;
typedef __kernel_dev_t dev_t;

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
	};
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
};

struct bpf_iter__task_file {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct task_struct *task;
	};
	u32 fd;
	union {
		struct file *file;
	};
};

struct bpf_iter__bpf_map_elem {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct bpf_map *map;
	};
	union {
		void *key;
	};
	union {
		void *value;
	};
};

struct bpf_iter__tcp {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct sock_common *sk_common;
	};
	uid_t uid;
};

struct bpf_iter__cgroup {
	union {
		struct bpf_iter_meta *meta;
	};
	union {
		struct cgroup *cgroup;
	};
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		unsigned int skc_hash;
	};
	union {
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	union {
		unsigned long skc_flags;
	};
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	int owned;
} socket_lock_t;

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	u8 sk_userlocks;
	int sk_err;
	int sk_err_soft;
	struct socket *sk_socket;
	socket_lock_t sk_lock;
	u16 sk_protocol;
	u8 sk_shutdown;
	unsigned long sk_lingertime;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	unsigned long sk_ino;
	struct sock_reuseport *sk_reuseport_cb;
	struct sock_cgroup_data sk_cgrp_data;
};

struct sock_reuseport {
	unsigned int synq_overflow_ts;
};

struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	__be32 inet_saddr;
	__be16 inet_sport;
	__u8 mc_ttl;
};

struct ipv6_pinfo {
	u8 mcast_hops;
};

struct request_sock_queue {
	atomic_t qlen;
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	__u8 icsk_retransmits;
	__u8 icsk_pending;
	__u8 icsk_backoff;
	__u8 icsk_probes_out;
	u32 icsk_user_timeout;
	struct request_sock_queue icsk_accept_queue;
	struct {
		__u8 pending;
		__u8 quick;
		__u8 pingpong;
		__u8 retry;
		__u32 ato: 8;
		__u32 lrcv_flowlabel: 20;
		__u32 dst_quick_ack: 1;
		__u32 unused: 3;
		__u32 lrcvtime;
		__u16 last_seg_size;
		__u16 rcv_mss;
	} icsk_ack;
	void *icsk_ulp_data;
};

struct mptcp_sock {
	struct inet_connection_sock sk;
	u64 local_key;
	u64 bytes_received;
	u64 bytes_consumed;
};

struct mptcp_subflow_context {
	struct sock *conn;
};

struct tcp_options_received {
	u16 saw_tstamp: 1;
	u16 tstamp_ok: 1;
	int ts_recent_stamp;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 snd_wnd;
	u32 copied_seq;
	u32 write_seq;
	u32 lsndtime;
	u32 rcv_nxt;
	u32 snd_nxt;
	u32 snd_una;
	u32 srtt_us;
	u32 rcv_tstamp;
	struct tcp_options_received rx_opt;
	u64 bytes_received;
	u64 bytes_acked;
	u64 bytes_sent;
	u32 segs_in;
	u32 segs_out;
	u32 total_retrans;
	u8 keepalive_probes;
	unsigned int keepalive_time;
	unsigned int keepalive_intvl;
	int linger2;
	u8 repair: 1;
	bool is_mptcp;
	struct request_sock *fastopen_rsk;
	u32 retrans_stamp;
	u8 tcp_usec_ts: 1;
	u32 rttvar_us;
	u32 last_oow_ack_time;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	__be16 tw_sport;
};

struct request_sock {
	struct sock_common __req_common;
	u8 num_timeout: 7;
	struct sock *sk;
};

struct inet_request_sock {
	struct request_sock req;
	u16 acked: 1;
};

struct sk_buff {
	union {
		struct {
			union {
				struct net_device *dev;
			};
		};
	};
	unsigned char *head;
	union {
		struct {
			__u16 network_header;
			__u16 transport_header;
			__be16 protocol;
		};
	};
	unsigned int len;
	unsigned char *data;
	char cb[48];
	union {
		struct {
			unsigned long _skb_refdst;
		};
	};
};

struct rtable {
	__u16 rt_type;
};

struct rt6_info {
	u32 rt6i_flags;
};

struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	union {
		struct {
			u16 tcp_gso_segs;
		};
	};
	__u16 tcp_flags;
};

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u16 ae: 1;
	__u16 res1: 3;
	__u16 doff: 4;
	__u16 fin: 1;
	__u16 syn: 1;
	__u16 rst: 1;
	__u16 psh: 1;
	__u16 ack: 1;
	__u16 urg: 1;
	__u16 ece: 1;
	__u16 cwr: 1;
	__be16 window;
	__sum16 check;
	__be16 urg_ptr;
};

struct iphdr {
	__u8 ihl: 4;
	__u8 version: 4;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__sum16 check;
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
		};
		struct {
			__be32 saddr;
			__be32 daddr;
		} addrs;
	};
};

struct ipv6hdr {
	__u8 priority: 4;
	__u8 version: 4;
	__u8 flow_lbl[3];
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	union {
		struct {
			struct in6_addr saddr;
			struct in6_addr daddr;
		};
		struct {
			struct in6_addr saddr;
			struct in6_addr daddr;
		} addrs;
	};
};

struct net_device {
	possible_net_t nd_net;
};

struct refcount_struct {
	atomic_t refs;
};

typedef struct refcount_struct refcount_t;

struct ns_common {
	unsigned int inum;
	refcount_t __ns_ref;
};

struct netns_ipv4 {
	int sysctl_tcp_keepalive_time;
	int sysctl_tcp_keepalive_intvl;
	u8 sysctl_tcp_keepalive_probes;
	u8 sysctl_tcp_retries2;
	u8 sysctl_tcp_abort_on_overflow;
	int sysctl_tcp_fin_timeout;
	u8 sysctl_tcp_syncookies;
	int sysctl_max_syn_backlog;
	u8 sysctl_tcp_orphan_retries;
};

struct netns_core {
	int sysctl_somaxconn;
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
	struct netns_core core;
};

struct task_struct {
	unsigned int flags;
	int exit_code;
	pid_t tgid;
	pid_t pid;
	u64 start_time;
	char comm[16];
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	struct files_struct *files;
	struct css_set *cgroups;
};

struct mm_struct {
	struct {
		unsigned long start_code;
		struct file *exe_file;
	};
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[];
};

struct kernfs_node {
	u64 id;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	union {
		const struct path f_path;
	};
	void *private_data;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	union {
		const struct qstr d_name;
	};
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct inode {
	unsigned long i_ino;
	umode_t i_mode;
	struct super_block *i_sb;
};

struct super_block {
	dev_t s_dev;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fdtable {
	struct file **fd;
	unsigned int max_fds;
};

struct socket {
	struct file *file;
	struct sock *sk;
	socket_state state;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long cx;
	unsigned long r8;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long sp;
	unsigned long bp;
};

#pragma clang attribute pop

#endif
