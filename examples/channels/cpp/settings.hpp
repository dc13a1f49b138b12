// The settings of an instance: a flat JSON object of strings.
#pragma once

#include <string>
#include <string_view>

struct Settings {
  std::string endpoint;
  std::string username;
  std::string from;
  std::string password_secret;  // the secret's name; its value comes from the host with each send

  // Throws std::invalid_argument, which says which key is wrong, and what would be right.
  static Settings read(std::string_view json);

  // JSON Schema of the above, which the descriptor carries.
  static const std::string_view schema;
};
