/* The man pages, written from the tables that the program itself works by. Built and run by the
 * Makefile: one page a file (man_page_NAME.c), each a function that prints roff to standard output.
 */
#ifndef CLI_MAN_PAGE_H
#define CLI_MAN_PAGE_H

/* megatron-preflight(1): subcommands, options, exit statuses. */
void man_page_command(void);

/* megatron-preflight-policy(5): the keys of a policy, the fields of its log. */
void man_page_policy(void);

/* megatron-preflight-rules(7): every rule by stage. */
void man_page_rules(void);

/* The .TH line of page NAME(SECTION). */
void man_head(const char *name, int section);

/* Text with what roff would read as its own made plain; long lines are broken at blanks. Must not
 * be empty. */
void man_text(const char *text);

/* The same as a sentence: from an upper-case letter, where the first word is one, to a full stop.
 */
void man_sentence(const char *text);

#endif
