// Asks for the reputations of a file and of a certificate, and reads their attributes.
//
//   advanced_get_reputation_example [CONFIG]     CONFIG defaults to dxlclient.config
#include <iostream>

#include "json_text.hpp"
#include "known_subjects.hpp"
#include "start.hpp"
#include "tie/attributes.hpp"

namespace {

void print_gti_level(const tie::Reputations& known, tie::Provider gti) {
  if (const tie::Reputation* entry = known.find(gti)) {
    std::cout << "\tGlobal Threat Intelligence (GTI) trust level: "
              << static_cast<std::int32_t>(entry->trust_level) << '\n';
  }
}

// Attributes of files and of certificates have these two in common, with ids of their own.
template <class Attributes>
void print_enterprise(const Attributes& attributes) {
  if (attributes.prevalence) {
    std::cout << "\tEnterprise prevalence: " << *attributes.prevalence << '\n';
  }
  if (attributes.first_contact) {
    std::cout << "\tFirst contact: " << sample::local_time(*attributes.first_contact) << '\n';
  }
}

//! [attributes]
void print_file(const tie::Reputations& known) {
  std::cout << "File reputation response:\n";
  print_gti_level(known, tie::Provider::kGti);
  if (const tie::Reputation* entry = known.find(tie::Provider::kEnterprise)) {
    print_enterprise(tie::decode_file_enterprise(*entry));
  }
  std::cout << "\nFull file reputation response:\n" << sample::to_json(known) << "\n\n";
}
//! [attributes]

void print_certificate(const tie::Reputations& known) {
  std::cout << "Certificate reputation response:\n";
  print_gti_level(known, tie::Provider::kCertGti);
  if (const tie::Reputation* entry = known.find(tie::Provider::kCertEnterprise)) {
    print_enterprise(tie::decode_cert_enterprise(*entry));
  }
  std::cout << "\nFull certificate reputation response:\n" << sample::to_json(known) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = sample::connect(sample::config_file(argc, argv));
  if (!client) return sample::complain(client.error());
  tie::Client tie_client(**client);
  const auto file = tie_client.get_file_reputation(sample::kNotepad);
  if (!file) return sample::complain(file.error());
  print_file(*file);
  const auto certificate = tie_client.get_certificate_reputation(sample::kCertificate);
  if (!certificate) return sample::complain(certificate.error());
  print_certificate(*certificate);
}
