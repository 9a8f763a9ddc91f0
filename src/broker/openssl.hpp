// Owners of OpenSSL objects; for the sources of this folder that make and read certificates only.
#pragma once

#include <openssl/bio.h>

#include <memory>

namespace tiara::broker {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

// OpenSSL prompts on the terminal for an encrypted key unless it is given a callback.
inline int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace tiara::broker
