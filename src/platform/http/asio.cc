// Asio, its TLS and Beast's parts that are not templates, compiled once for all who include their headers.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
