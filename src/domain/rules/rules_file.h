/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as people write them:
 *
 *     # A comment.
 *     rule returns
 *         priority: 10
 *         locale: zh
 *         scope: shop, help
 *         active: 2024-11-01 .. 2024-11-12
 *         hours: mon-fri 09:00-18:00
 *         action: answer
 *         when: (退货 | 退款 | "send back") & !发票 & 多久 ..6 <number> ..2 天
 *
 *     words contact
 *         action: block
 *         disguise: symbols pinyin
 *         list:
 *             加微信
 *             私下交易
 *
 * `rule` and `words` begin a line, what belongs to them is indented. A condition has words (bare,
 * or in "quotes" when they hold blanks or signs), | & ! and brackets, | binding least and ! most;
 * A ..6 B: B begins at most 6 characters behind A; <number>: figures or Chinese numerals;
 * /expression/: a regular expression (domain/expr). A condition must not be able to hold without
 * any word. A `words` list holds when one of its words is there; disguise is `symbols`, `pinyin`,
 * `sound`, `none`, and `symbols pinyin` when not given. A rule's id is 64 bits of its name's hash.
 *
 * Pure; any thread. */
#ifndef KEFU_RULES_FILE_H
#define KEFU_RULES_FILE_H

#include "rules.h"

struct rules_where {
    unsigned line;   /* from 1 */
    unsigned column; /* in characters, from 1 */
};

/* A whole file. Fault: *where says where; the text names what is wrong. */
MUST_USE enum err_code rules_file_compile(struct slice file, struct rules_set **out,
                                          struct rules_where *where, struct err *err);

#endif
