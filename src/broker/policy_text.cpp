// The authorization.toml a new state starts with.
#include "broker/policy_file.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

constexpr const char* kBefore =
    R"(# Who may do what on this fabric. A running broker rereads this file on `tiara provision`,
# `tiara auth grant`, `tiara auth revoke` and on SIGHUP; a mistake is reported and the policy in
# force stays. `tiara auth list` and `tiara auth test` show what it comes to.

# What holds for topics that no [[topic]] below speaks about:
#   "open"  every client may send and receive, as with the original broker
#   "deny"  no client may, except: send to /mcafee/service/dxl/# (to register services, to ask the
#           broker), to /opendxl-tiara/service/fabric/# and to /mcafee/client/# (to answer requests);
#           receive from its own reply topic /mcafee/client/<its client id>; and what its groups
#           grant. A broad entry such as # takes none of that away; an entry for one of these topics
#           or below does.
profile = "open"

# A member is a certificate (sha1 or sha256 of it, hexadecimal; a CA's admits all it signed)
# and its groups:
#
#   [[member]]
#   name = "scanner"
#   sha256 = "<64 hexadecimal digits>"
#   groups = ["TIE Server Set External Reputation"]
#
# Built-in groups:
)";

constexpr const char* kAfter = R"(#
# Groups of your own, for the rules below:
#
#   [[group]]
#   name = "order desk"
#
# A topic rule restricts a topic, or with `/#` everything below it, or with `#` alone every topic, to
# the certificates and groups it names; with neither, to nobody. A broader rule that admits a client
# wins over a nearer one that does not:
#
#   [[topic]]
#   direction = "send"  # or "receive"
#   topic = "/mycompany/orders/#"
#   certificates = ["<40 or 64 hexadecimal digits>"]
#   groups = ["order desk"]
#
# Under "deny", a service also needs a "receive" rule for each topic it serves, and its callers a
# "send" rule for it; subscribers of events need "receive", publishers "send". Reputation lookups,
# for every client of the CA whose thumbprint is given:
#
#   [[topic]]
#   direction = "send"
#   topic = "/mcafee/service/tie/#"
#   certificates = ["<the CA's>"]
#
# A topicauth.policy of the original broker, put beside this file, is read as well.
)";

}  // namespace

std::string initial_policy_text() {
  std::string text = kBefore;
  for (const std::string_view group : fabric::known_groups())
    text += fmt::format("#   {}\n", toml_string(group));
  return text + kAfter;
}

}  // namespace tiara::broker
