/* The lines that the workload writes. */
#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int output_fd = 1;
int problems;

static void append(struct json *json, const char *bytes, size_t length)
{
	if (json->length + length + 1 > json->capacity) {
		json->capacity = (json->length + length + 1) * 2;
		json->text = realloc(json->text, json->capacity);
		if (!json->text)
			abort();
	}
	memcpy(json->text + json->length, bytes, length);
	json->length += length;
	json->text[json->length] = 0;
}

void json_raw(struct json *json, const char *text)
{
	append(json, text, strlen(text));
}

void json_open(struct json *json)
{
	memset(json, 0, sizeof(*json));
	json_raw(json, "{");
}

void json_key(struct json *json, const char *key)
{
	if (json->begun)
		json_raw(json, ",");
	json->begun = true;
	json_raw(json, "\"");
	json_raw(json, key);
	json_raw(json, "\":");
}

void json_text(struct json *json, const char *key, const char *ascii)
{
	json_key(json, key);
	json_raw(json, "\"");
	for (; *ascii; ascii++) {
		if (*ascii == '"' || *ascii == '\\')
			append(json, "\\", 1);
		append(json, (unsigned char)*ascii < ' ' ? "?" : ascii, 1);
	}
	json_raw(json, "\"");
}

void json_item(struct json *json, const void *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;

	append(json, "\"", 1);
	for (size_t at = 0; at < length; at += 3) {
		size_t left = length - at;
		unsigned int group = in[at] << 16 | (left > 1 ? in[at + 1] << 8 : 0) | (left > 2 ? in[at + 2] : 0);
		char out[4] = {
			digits[group >> 18],
			digits[group >> 12 & 63],
			left > 1 ? digits[group >> 6 & 63] : '=',
			left > 2 ? digits[group & 63] : '=',
		};

		append(json, out, sizeof(out));
	}
	append(json, "\"", 1);
}

void json_bytes(struct json *json, const char *key, const void *bytes, size_t length)
{
	json_key(json, key);
	json_item(json, bytes, length);
}

void json_path(struct json *json, const char *key, const char *path)
{
	if (path)
		json_bytes(json, key, path, strlen(path));
	else
		json_null(json, key);
}

void json_number(struct json *json, const char *key, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	json_key(json, key);
	json_raw(json, text);
}

void json_bool(struct json *json, const char *key, bool value)
{
	json_key(json, key);
	json_raw(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
	json_key(json, key);
	json_raw(json, "null");
}

void json_write(struct json *json)
{
	size_t done = 0;

	json_raw(json, "}\n");
	/* One write: lines of children that run at the same time do not mix (they are shorter than PIPE_BUF). */
	while (done < json->length) {
		ssize_t written = write(output_fd, json->text + done, json->length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			_exit(3);
		done += (size_t)written;
	}
	free(json->text);
}

static void write_note(const char *key, const char *message)
{
	struct json json;

	json_open(&json);
	json_text(&json, key, case_name ? case_name : "");
	json_text(&json, "reason", message);
	json_write(&json);
}

void problem(const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	problems++;
	write_note("problem", message);
}

void skip(const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	write_note("skip", message);
	end_child();
}

const char *errno_name(int number)
{
	const char *name = strerrorname_np(number);

	return name ? name : "E?";
}
