"""What a simulated cloud has to load: none of the libraries that only a real host needs."""

import subprocess
import sys

HEAVY = {"libvirt", "pyroute2", "ovsdbapp", "ovs", "pycdlib", "oslo_utils", "sqlalchemy", "falcon"}


def test_simulated_hosts_load_nothing_of_a_real_one() -> None:
    program = "import sys, unkai.node.main; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


def test_the_metadata_proxy_loads_little() -> None:
    program = "import sys, unkai.node.metadata.proxy; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
