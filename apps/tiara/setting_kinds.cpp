#include "tiara/setting_kinds.hpp"

#include <netdb.h>

#include <algorithm>
#include <optional>

#include "base/printable.hpp"

namespace tiara::app {
namespace {

using broker::Setting;
using broker::SettingValue;
using dxl::ErrorCode;
using Applied = dxl::Result<void>;

// Takes the first item off `rest`, without the spaces around it.
std::string_view take_item(std::string_view& rest) {
  const std::size_t comma = std::min(rest.find(','), rest.size());
  std::string_view item = rest.substr(0, comma);
  rest.remove_prefix(std::min(comma + 1, rest.size()));
  item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
  return item.substr(0, item.find_last_not_of(' ') + 1);
}

// As the listener reads it.
bool is_numeric_address(const std::string& text) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(text.c_str(), "0", &hints, &found) != 0) return false;
  ::freeaddrinfo(found);
  return true;
}

}  // namespace

Setting flag(std::string_view name, std::string_view comment, bool& into) {
  return {name, comment, into,
          [&into](const SettingValue& value) -> Applied {
            into = std::get<bool>(value);
            return {};
          },
          "`true`, `false`"};
}

Setting share(std::string_view name, std::string_view comment, double& into) {
  return {name, comment, into,
          [&into](const SettingValue& value) -> Applied {
            const double part = std::get<double>(value);
            if (!(part >= 0 && part <= 1))
              return dxl::fail(ErrorCode::kConfiguration, "expected 0 to 1");
            into = part;
            return {};
          },
          "0 to 1"};
}

Setting text(std::string_view name, std::string_view comment, std::string_view accepted,
             std::string& into) {
  return {name, comment, into,
          [&into](const SettingValue& value) -> Applied {
            into = std::get<std::string>(value);
            return {};
          },
          std::string(accepted)};
}

Setting list(std::string_view name, std::string_view comment, std::string_view what,
             std::string fallback, std::function<void()> clear,
             std::function<bool(std::string_view item)> take) {
  return {name, comment, std::move(fallback),
          [what = std::string(what), clear = std::move(clear),
           take = std::move(take)](const SettingValue& value) -> Applied {
            clear();
            std::string_view rest = std::get<std::string>(value);
            while (!rest.empty())
              if (const std::string_view item = take_item(rest); item.empty() || !take(item))
                return dxl::fail(ErrorCode::kConfiguration,
                                 fmt::format("expected {} between commas", what));
            return {};
          },
          fmt::format("{} between commas", what)};
}

Setting names(std::string_view name, std::string_view comment, std::vector<std::string>& into) {
  return list(
      name, comment, "names", fmt::format("{}", fmt::join(into, ", ")), [&into] { into.clear(); },
      [&into](std::string_view item) {
        into.emplace_back(item);
        return true;
      });
}

Setting addresses(std::string_view name, std::string_view comment, std::vector<std::string>& into) {
  Setting row = names(name, comment, into);
  row.apply = [take = std::move(row.apply), &into](const SettingValue& value) -> Applied {
    if (auto taken = take(value); !taken) return taken;
    if (into.empty()) return dxl::fail(ErrorCode::kConfiguration, "expected one address or more");
    for (const std::string& address : into)
      if (!is_numeric_address(address))
        return dxl::fail(ErrorCode::kConfiguration,
                         fmt::format("{}: expected a numeric address, like 127.0.0.1 or ::1",
                                     base::printable(address)));
    return {};
  };
  row.accepted = "numeric addresses between commas";
  return row;
}

}  // namespace tiara::app
