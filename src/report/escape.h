/* Text of others inside a format. Text is UTF-8 (entry.h); white space becomes a blank; control
 * characters and those that turn the direction of writing become '?', so that nothing shown differs
 * from what is there. */
#ifndef REPORT_ESCAPE_H
#define REPORT_ESCAPE_H

#include <stdio.h>

void put_plain(FILE *out, const char *text);    /* terminals and logs */
void put_xml(FILE *out, const char *text);      /* text and quoted attributes, of HTML, too */
void put_markdown(FILE *out, const char *text); /* a cell of a table */
void put_github(FILE *out, const char *text);   /* the message of a workflow command */
void put_github_property(FILE *out, const char *text); /* ... and its properties */
void put_github_log(FILE *out, const char *text);      /* a line of the log that is no command */

#endif
