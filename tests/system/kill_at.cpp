// Preloaded into a program: kills it in front of the KILL_AT-th call that changes a directory,
// counted from 1. What a crash between two file operations leaves behind, for each of them in turn.
#include <dlfcn.h>
#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <cstdlib>

namespace {

void count_call() {
  static std::atomic<long> calls{0};
  static const char* const at = std::getenv("KILL_AT");
  if (at != nullptr && ++calls == std::strtol(at, nullptr, 10)) ::raise(SIGKILL);
}

// The function behind the one that calls this.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int rename(const char* from, const char* to) noexcept {
  count_call();
  return next<int(const char*, const char*)>("rename")(from, to);
}
int mkdir(const char* path, mode_t mode) noexcept {
  count_call();
  return next<int(const char*, mode_t)>("mkdir")(path, mode);
}
int remove(const char* path) noexcept {
  count_call();
  return next<int(const char*)>("remove")(path);
}
int unlink(const char* path) noexcept {
  count_call();
  return next<int(const char*)>("unlink")(path);
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  count_call();
  return next<int(int, const char*, int)>("unlinkat")(directory, path, flags);
}

}  // extern "C"
