#pragma once

#include <string>

/// Sends one datagram to a unix socket, as sd_notify(3) describes; a leading '@' names an abstract socket.
/// Node.js has no datagram unix sockets. Throws ProbeError.
void SendDatagram(const std::string& path, const std::string& message);
