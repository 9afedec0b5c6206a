/* SPDX-License-Identifier: Apache-2.0 */
/* One row per setting; the four sources all end in config_set, so a value is checked the same way
 * wherever it came from. The file is a strict subset of YAML: one mapping of plain or quoted
 * scalars. Anchors, tags, lists, nested maps and unknown or repeated names are errors that name
 * line and column: a typing mistake must not become a default. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "slice.h"

enum config_type {
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_NUMBER,
    CONFIG_TYPE_FLAG,
    CONFIG_TYPE_CHOICE,
};

struct config_row {
    const char *name; /* with underscores; the option has dashes, the variable KEFU_ and capitals */
    enum config_type type;
    const char *initial;
    uint64_t max;        /* of numbers */
    const char *choices; /* of choices: words between spaces */
    const char *help;
};

static const struct config_row rows[CONFIG_KEY_COUNT] = {
    [CONFIG_DATA] = { "data", CONFIG_TYPE_TEXT, "data", 0, NULL, "data folder" },
    [CONFIG_LISTEN] = { "listen", CONFIG_TYPE_TEXT, "0.0.0.0", 0, NULL, "address to listen on" },
    [CONFIG_PORT] = { "port", CONFIG_TYPE_NUMBER, "8080", 65535, NULL, "port; 0 picks one" },
    [CONFIG_SHARDS] = { "shards", CONFIG_TYPE_NUMBER, "0", 256, NULL, "0: one per core" },
    [CONFIG_WORKERS] = { "workers", CONFIG_TYPE_NUMBER, "4", 64, NULL,
                         "threads for requests that block" },
    [CONFIG_STORE] = { "store", CONFIG_TYPE_CHOICE, "sqlite", 0, "sqlite memory",
                       "sqlite, or memory (keeps nothing)" },
    [CONFIG_DEMO] = { "demo", CONFIG_TYPE_FLAG, "false", 0, NULL,
                      "fill an empty workspace with a demo shop" },
    [CONFIG_PUBLIC_URL] = { "public_url", CONFIG_TYPE_TEXT, "", 0, NULL,
                            "address that people use, when a proxy stands in front" },
    [CONFIG_TLS_CERT] = { "tls_cert", CONFIG_TYPE_TEXT, "", 0, NULL,
                          "PEM file of the certificate with its chain; read again on SIGHUP" },
    [CONFIG_TLS_KEY] = { "tls_key", CONFIG_TYPE_TEXT, "", 0, NULL, "PEM file of its private key" },
    [CONFIG_REQUIRE_TLS] = { "require_tls", CONFIG_TYPE_FLAG, "false", 0, NULL,
                             "refuse log-in over plain http" },
    [CONFIG_TRUSTED_PROXIES] = { "trusted_proxies", CONFIG_TYPE_TEXT, "", 0, NULL,
                                 "addresses whose X-Forwarded-For and -Proto count" },
    [CONFIG_ACTION_NETWORKS] = { "action_networks", CONFIG_TYPE_TEXT, "", 0, NULL,
                                 "private addresses that actions of flows may call" },
    [CONFIG_ACTION_PORTS] = { "action_ports", CONFIG_TYPE_TEXT, "", 0, NULL,
                              "ports that actions may call, beside 80 and 443" },
    [CONFIG_ACTION_HOSTS] = { "action_hosts", CONFIG_TYPE_TEXT, "", 0, NULL,
                              "hosts that actions may call: api.example.com, *.example.org; "
                              "empty: every public one" },
    [CONFIG_ACTION_CA] = { "action_ca", CONFIG_TYPE_TEXT, "", 0, NULL,
                           "PEM file of the authorities that actions trust; empty: the system's" },
    [CONFIG_LOG_LEVEL] = { "log_level", CONFIG_TYPE_CHOICE, "info", 0, "error warn info debug",
                           "error, warn, info or debug" },
    [CONFIG_LOG_FORMAT] = { "log_format", CONFIG_TYPE_CHOICE, "logfmt", 0, "logfmt json",
                            "logfmt or json" },
    [CONFIG_LIMIT_VISITOR_RATE] = { "limit_visitor_rate", CONFIG_TYPE_NUMBER, "5", 100000, NULL,
                                    "messages per second of one visitor; 0: off" },
    [CONFIG_LIMIT_IP_RATE] = { "limit_ip_rate", CONFIG_TYPE_NUMBER, "50", 100000, NULL,
                               "requests per second of one address; 0: off" },
    [CONFIG_LIMIT_NEW_CONVERSATIONS] = { "limit_new_conversations", CONFIG_TYPE_NUMBER, "10",
                                         1000000, NULL,
                                         "new conversations per hour of one visitor; 0: off" },
    [CONFIG_LIMIT_UPLOADS] = { "limit_uploads", CONFIG_TYPE_NUMBER, "120", 1000000, NULL,
                               "files that visitors of one address upload per hour; 0: off" },
};

static const char *const source_names[] = {
    [CONFIG_DEFAULT] = "default",
    [CONFIG_FILE] = "file",
    [CONFIG_ENVIRONMENT] = "environment",
    [CONFIG_COMMAND_LINE] = "command line",
};

const char *config_source_name(enum config_source source)
{
    return source_names[source];
}

const char *config_name(enum config_key key)
{
    return rows[key].name;
}

const char *config_text(const struct config *config, enum config_key key)
{
    return config->value[key].text;
}

uint64_t config_number(const struct config *config, enum config_key key)
{
    return config->value[key].number;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    const char *at = choices;

    while (len > 0 && (at = strstr(at, text)) != NULL) {
        bool starts = at == choices || at[-1] == ' ';
        bool ends = at[len] == '\0' || at[len] == ' ';
        if (starts && ends)
            return true;
        at += len;
    }
    return false;
}

static bool flag_parse(const char *text, uint64_t *out)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0) {
        *out = 1;
        return true;
    }
    *out = 0;
    return strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static enum err_code config_set(struct config *config, enum config_key key, const char *text,
                                enum config_source source, struct err *err)
{
    const struct config_row *row = &rows[key];
    struct config_value *value = &config->value[key];
    unsigned long long number = 0;
    uint64_t flag = 0;

    if (strlen(text) >= CONFIG_TEXT_MAX)
        return err_set(err, ERR_TOO_BIG, "%s: longer than %d bytes", row->name,
                       CONFIG_TEXT_MAX - 1);
    switch (row->type) {
    case CONFIG_TYPE_NUMBER:
        if (!slice_to_u64(slice_of(text), &number) || number > row->max)
            return err_set(err, ERR_INVALID, "%s: not a number from 0 to %llu", row->name,
                           (unsigned long long)row->max);
        break;
    case CONFIG_TYPE_FLAG:
        if (!flag_parse(text, &flag))
            return err_set(err, ERR_INVALID, "%s: neither true nor false", row->name);
        number = flag;
        break;
    case CONFIG_TYPE_CHOICE:
        if (!is_choice(row->choices, text))
            return err_set(err, ERR_INVALID, "%s: not one of: %s", row->name, row->choices);
        break;
    case CONFIG_TYPE_TEXT:
        break;
    }
    snprintf(value->text, sizeof(value->text), "%s", text);
    value->number = number;
    value->source = source;
    return ERR_OK;
}

void config_init(struct config *config)
{
    memset(config, 0, sizeof(*config));
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        enum err_code rc =
            config_set(config, (enum config_key)key, rows[key].initial, CONFIG_DEFAULT, NULL);
        ENSURE(rc == ERR_OK);
    }
}

/* Compares name with a row's name; dashes count as underscores, letters' case is as given. */
static bool name_is(const char *row_name, const char *name, size_t len, bool any_case)
{
    if (strlen(row_name) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i] == '-' ? '_' : name[i];
        if (any_case && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c != row_name[i])
            return false;
    }
    return true;
}

static int key_find(const char *name, size_t len, bool any_case)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++)
        if (name_is(rows[key].name, name, len, any_case))
            return key;
    return -1;
}

/* ---- the file ---- */

struct file_reader {
    struct config *config;
    int key;   /* whose value comes next; -1: a name comes next */
    int depth; /* 0 outside, 1 in the mapping */
    bool seen[CONFIG_KEY_COUNT];
};

static enum err_code file_fault(const yaml_event_t *event, struct err *err, const char *text)
{
    return err_set(err, ERR_INVALID, "settings file, line %zu, column %zu: %s",
                   event->start_mark.line + 1, event->start_mark.column + 1, text);
}

static enum err_code file_scalar(struct file_reader *reader, const yaml_event_t *event,
                                 struct err *err)
{
    const char *text = (const char *)event->data.scalar.value;
    struct err inner = { 0 };
    int key;

    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
        return file_fault(event, err, "anchors and tags are not allowed");
    if (reader->depth != 1)
        return file_fault(event, err, "expected `name: value` lines");
    if (strlen(text) != event->data.scalar.length)
        return file_fault(event, err, "a value holds a NUL byte");
    if (reader->key < 0) {
        key = key_find(text, strlen(text), false);
        if (key < 0)
            return file_fault(event, err, "unknown setting");
        if (reader->seen[key])
            return file_fault(event, err, "setting given twice");
        reader->seen[key] = true;
        reader->key = key;
        return ERR_OK;
    }
    key = reader->key;
    reader->key = -1;
    if (config_set(reader->config, (enum config_key)key, text, CONFIG_FILE, &inner) != ERR_OK)
        return file_fault(event, err, inner.text);
    return ERR_OK;
}

static enum err_code file_event(struct file_reader *reader, const yaml_event_t *event,
                                struct err *err)
{
    switch (event->type) {
    case YAML_MAPPING_START_EVENT:
        if (reader->depth++ > 0)
            return file_fault(event, err, "nested settings are not allowed");
        return ERR_OK;
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        return ERR_OK;
    case YAML_SCALAR_EVENT:
        return file_scalar(reader, event, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_ALIAS_EVENT:
        return file_fault(event, err, "lists and aliases are not allowed");
    default:
        return ERR_OK;
    }
}

enum err_code config_file_parse(struct config *config, const char *bytes, size_t len,
                                struct err *err)
{
    struct file_reader reader = { .config = config, .key = -1 };
    enum err_code rc = ERR_OK;
    bool done = false;
    yaml_parser_t parser;

    ENSURE(yaml_parser_initialize(&parser) != 0);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
    while (rc == ERR_OK && !done) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            rc = err_set(err, ERR_INVALID, "settings file, line %zu, column %zu: %s",
                         parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                         parser.problem != NULL ? parser.problem : "not readable");
            break;
        }
        rc = file_event(&reader, &event, err);
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

static enum err_code file_load(struct config *config, const char *path, bool required,
                               struct err *err)
{
    FILE *file = fopen(path, "rbe");
    char *bytes = NULL;
    enum err_code rc = ERR_OK;
    size_t len;

    if (file == NULL) {
        if (errno == ENOENT && !required)
            return ERR_OK;
        return err_set(err, ERR_IO, "settings file %s: %s", path, strerror(errno));
    }
    bytes = malloc(CONFIG_FILE_BYTES_MAX + 1);
    ENSURE(bytes != NULL);
    len = fread(bytes, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    if (len > CONFIG_FILE_BYTES_MAX)
        rc = err_set(err, ERR_TOO_BIG, "settings file %s: larger than %d bytes", path,
                     CONFIG_FILE_BYTES_MAX);
    else
        rc = config_file_parse(config, bytes, len, err);
    snprintf(config->file, sizeof(config->file), "%s", path);
    free(bytes);
    fclose(file);
    return rc;
}

/* ---- environment and command line ---- */

static enum err_code environment_load(struct config *config, const char *const *environment,
                                      struct err *err)
{
    static const char prefix[] = "KEFU_";

    for (; environment != NULL && *environment != NULL; environment++) {
        const char *item = *environment;
        const char *equals = strchr(item, '=');
        enum err_code rc;
        int key;
        if (strncmp(item, prefix, sizeof(prefix) - 1) != 0 || equals == NULL)
            continue;
        item += sizeof(prefix) - 1;
        key = key_find(item, (size_t)(equals - item), true);
        /* Other KEFU_ variables belong to the test and bench programs. */
        if (key < 0)
            continue;
        rc = config_set(config, (enum config_key)key, equals + 1, CONFIG_ENVIRONMENT, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* Takes the option at items[i]; *used becomes 1, or 2 with a separate value. */
static enum err_code option_load(struct config *config, char **items, int count, int *used,
                                 struct err *err)
{
    const char *name = items[0] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    int key = key_find(name, len, false);

    *used = 1;
    if (key < 0 && strcmp(name, "config") != 0)
        return err_set(err, ERR_INVALID, "unknown option --%.*s", (int)len, name);
    if (equals != NULL)
        return config_set(config, (enum config_key)key, equals + 1, CONFIG_COMMAND_LINE, err);
    if (key >= 0 && rows[key].type == CONFIG_TYPE_FLAG)
        return config_set(config, (enum config_key)key, "true", CONFIG_COMMAND_LINE, err);
    if (key < 0 || count < 2)
        return err_set(err, ERR_INVALID, "option --%s needs a value", name);
    *used = 2;
    return config_set(config, (enum config_key)key, items[1], CONFIG_COMMAND_LINE, err);
}

/* --config FILE and --json aren't settings: they say where to read and how to print. */
static const char *special_take(struct config *config, struct config_args *args)
{
    const char *path = NULL;
    int kept = 0;

    for (int i = 0; i < args->count; i++) {
        if (strcmp(args->items[i], "--json") == 0)
            config->json = true;
        else if (strncmp(args->items[i], "--config=", 9) == 0)
            path = args->items[i] + 9;
        else if (strcmp(args->items[i], "--config") == 0 && i + 1 < args->count)
            path = args->items[++i];
        else
            args->items[kept++] = args->items[i];
    }
    args->count = kept;
    return path;
}

enum err_code config_load(struct config *config, struct config_args *args, struct err *err)
{
    const char *path = special_take(config, args);
    enum err_code rc;
    int kept = 0;

    args->refused = false;
    rc = file_load(config, path != NULL ? path : "kefu.yaml", path != NULL, err);
    if (rc == ERR_OK)
        rc = environment_load(config, args->environment, err);
    for (int i = 0; rc == ERR_OK && i < args->count;) {
        int used = 1;
        if (strncmp(args->items[i], "--", 2) == 0) {
            rc = option_load(config, args->items + i, args->count - i, &used, err);
            args->refused = rc != ERR_OK;
        } else {
            args->items[kept++] = args->items[i];
        }
        i += used;
    }
    args->count = kept;
    return rc;
}

/* ---- printing ---- */

static void json_text_print(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

void config_print(const struct config *config, FILE *out)
{
    if (config->json)
        fputc('{', out);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_value *value = &config->value[key];
        const char *source = source_names[value->source];
        if (!config->json) {
            fprintf(out, "%-24s %-20s %s\n", rows[key].name, value->text, source);
            continue;
        }
        fprintf(out, "%s\"%s\":{\"value\":", key > 0 ? "," : "", rows[key].name);
        json_text_print(value->text, out);
        fprintf(out, ",\"source\":\"%s\"}", source);
    }
    if (config->json)
        fputs("}\n", out);
}

void config_print_reference(FILE *out)
{
    fputs("# Settings\n\nCommand line > environment > `kefu.yaml` (or `--config FILE`) > default. "
          "None is required.\n`kefu config` prints each with its value and where it came from. "
          "Written by `kefu docs config`.\n\n"
          "| `kefu.yaml` | Environment | Default | Meaning |\n|---|---|---|---|\n",
          out);
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        char variable[64];
        size_t len = (size_t)snprintf(variable, sizeof(variable), "KEFU_%s", rows[key].name);

        for (size_t i = 0; i < len; i++) {
            if (variable[i] >= 'a' && variable[i] <= 'z')
                variable[i] = (char)(variable[i] - 'a' + 'A');
        }
        fprintf(out, "| `%s` | `%s` | %s%s%s | %s |\n", rows[key].name, variable,
                rows[key].initial[0] != '\0' ? "`" : "", rows[key].initial,
                rows[key].initial[0] != '\0' ? "`" : "", rows[key].help);
    }
}

void config_print_help(FILE *out)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        char option[64];
        size_t len = (size_t)snprintf(option, sizeof(option), "--%s", rows[key].name);
        for (size_t i = 0; i < len; i++)
            option[i] = option[i] == '_' ? '-' : option[i];
        fprintf(out, "  %-28s %s (%s)\n", option, rows[key].help,
                rows[key].initial[0] != '\0' ? rows[key].initial : "none");
    }
    fprintf(out, "  %-28s %s\n", "--config", "settings file (kefu.yaml)");
    fprintf(out, "  %-28s %s\n", "--json", "machine-readable output");
}
