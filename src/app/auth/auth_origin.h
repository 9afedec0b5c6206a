/* SPDX-License-Identifier: Apache-2.0 */
/* Whose page asks: a request's Origin (RFC 6454) against our own name and against the domains of a
 * site. Pure; any thread. */
#ifndef KEFU_AUTH_ORIGIN_H
#define KEFU_AUTH_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

/* Is the origin's host and port this one, which may be written as an address with scheme and path?
 * The scheme is not compared: a proxy in front may speak another one than we do. False for "null"
 * and for an empty host. */
bool auth_origin_is(struct slice origin, struct slice own);

/* Would a browser let a page of this origin frame ours, given these sources of frame-ancestors (CSP
 * level 3, section 6.7.2.8)? Ours is served over https when `tls`, and then only to https pages. A
 * source without a port means the port that goes with the page's scheme; "*.shop.example" is every
 * name below, not shop.example itself. An empty list is every page of http or https. */
bool auth_origin_listed(struct slice origin, bool tls, char *const *sources, size_t count);

#endif
