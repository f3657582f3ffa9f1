#pragma once

#include <napi.h>

#include <string>

/// Checked access to arguments; each throws a TypeError that names what was expected.
std::string StringProperty(const Napi::Object& object, const char* name);
double NumberProperty(const Napi::Object& object, const char* name, double least, double most);
Napi::Object ObjectArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
