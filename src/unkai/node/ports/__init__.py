"""How guests and metadata get into the network: taps, veth pairs, namespaces, ports of Open vSwitch."""
