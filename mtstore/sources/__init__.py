"""Where bars come from: vendor files, vendors over the network, files of one's own, and a market that is made up."""
