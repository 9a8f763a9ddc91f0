// The part of Boost.Asio this folder uses; included by loop.cpp and descriptor.cpp only.
#pragma once

// g++ 12 in C++20 mode does not compile the coroutine support of Asio 1.74.
#define BOOST_ASIO_DISABLE_CO_AWAIT
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
