// SPDX-License-Identifier: GPL-2.0-only
/* From the path of a cgroup to the unit or the container, as the managers of both name them. */
#include "expect.h"

#include "cgroup.h"

#define ID    "3f2a9c1b7d4e8f60123456789abcdef0123456789abcdef0123456789abcdef0"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define SHORT "3f2a9c1b7d4e"

static void expect_home_at(const char *path, enum cgroup_kind kind, const char *name,
			   const char *file, int line)
{
	struct cgroup_home home;

	memset(&home, 0xa5, sizeof(home));
	cgroup_parse(&home, path);
	if (home.kind == kind && !strcmp(home.name, name))
		return;
	print_error("%s: kind %d, name '%s' seen; expected: %d, '%s'\n", path, home.kind, home.name,
		    kind, name);
	_fail(file, line);
}

#define expect_plain(path)      expect_home_at(path, CGROUP_PLAIN, "", __FILE__, __LINE__)
#define expect_unit(path, name) expect_home_at(path, CGROUP_UNIT, name, __FILE__, __LINE__)
#define expect_container(path, name)                                                               \
	expect_home_at(path, CGROUP_CONTAINER, name, __FILE__, __LINE__)

static void services_are_units(void **state)
{
	(void)state;
	expect_unit("/system.slice/nginx.service", "nginx.service");
	expect_unit("/system.slice/system-postgresql.slice/postgresql@15-main.service",
		    "postgresql@15-main.service");
	expect_unit("/system.slice/mariadb.service/worker", "mariadb.service");
	expect_unit("/system.slice/outer.service/inner.service", "inner.service");
	expect_unit("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service",
		    "web.service");
}

static void scopes_are_units(void **state)
{
	(void)state;
	expect_unit("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
		    "machine-qemu\\x2d1\\x2dvm.scope");
	expect_unit("/system.slice/run-r0123.scope", "run-r0123.scope");
}

static void what_is_nothing_particular_is_plain(void **state)
{
	(void)state;
	expect_plain("");
	expect_plain("/");
	expect_plain("//");
	expect_plain("/init.scope");
	expect_plain("/system.slice");
	expect_plain("/user.slice/user-0.slice/session-3.scope");
	expect_plain("/user.slice/user-1000.slice/user@1000.service/init.scope");
	expect_plain("/my-own-group/limited");
}

static void containers_have_short_ids(void **state)
{
	(void)state;
	expect_container("/system.slice/docker-" ID ".scope", SHORT);
	expect_container("/docker/" ID, SHORT);
	expect_container("/machine.slice/libpod-" ID ".scope/container", SHORT);
	expect_container("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
			 ".scope",
			 SHORT);
	expect_container("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
			 "cri-containerd-" ID ".scope",
			 SHORT);
	expect_container("/kubepods/besteffort/pod12345678-1234-1234-1234-123456789abc/" ID, SHORT);
	expect_container("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID,
			 SHORT);
	expect_container("/kubepods.slice/crio-" ID ".scope", SHORT);
	expect_container("/ecs/cluster/task/" ID, SHORT);
	expect_container("/system.slice/podman-web.service/libpod-payload-" ID, SHORT);
}

static void lxc_containers_have_names(void **state)
{
	(void)state;
	expect_container("/lxc.payload.web1", "web1");
	expect_container("/lxc.payload/web1", "web1");
	expect_container("/lxc/101/ns/system.slice/nginx.service", "101");
	expect_plain("/lxc");
	expect_plain("/lxc.monitor.web1");
}

/* What runs in a container belongs to it first. */
static void innermost_container_counts(void **state)
{
	(void)state;
	expect_container("/docker/" ID "/system.slice/nginx.service", SHORT);
	expect_container("/lxc.payload.web1/docker/" ID, SHORT);
	expect_container("/docker/" OTHER "/docker/" ID "/init.scope", SHORT);
}

static void what_only_looks_like_a_container_is_none(void **state)
{
	(void)state;
	expect_unit("/machine.slice/libpod-conmon-" ID ".scope",
		    "libpod-conmon-3f2a9c1b7d4e8f60123456789abcdef0123456789abcdef01");
}

static void ids_have_64_digits(void **state)
{
	(void)state;
	expect_plain("/docker/" SHORT);
	expect_plain("/docker/x" ID);
	expect_plain("/docker/0" ID);
	expect_plain("/g" OTHER);
	expect_container("/docker/x-" ID, SHORT);
}

/* Whoever may make a cgroup may give it any name. */
static void names_are_cut(void **state)
{
	char path[600] = "/", cut[CGROUP_NAME_LEN] = "";

	(void)state;
	memset(path + 1, 'x', 500);
	memcpy(path + 501, ".service", sizeof(".service"));
	memset(cut, 'x', sizeof(cut) - 1);
	expect_unit(path, cut);
	expect_unit("/.service", ".service");
	expect_plain("/lxc.payload.");
	expect_unit("/\033[31m\n.service", "\033[31m\n.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_units),
		cmocka_unit_test(scopes_are_units),
		cmocka_unit_test(what_is_nothing_particular_is_plain),
		cmocka_unit_test(containers_have_short_ids),
		cmocka_unit_test(lxc_containers_have_names),
		cmocka_unit_test(innermost_container_counts),
		cmocka_unit_test(what_only_looks_like_a_container_is_none),
		cmocka_unit_test(ids_have_64_digits),
		cmocka_unit_test(names_are_cut),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
