/* What the floor's program tells its reader. */
#ifndef FLOOR_H
#define FLOOR_H

#define NAME_BYTES 256

struct floor_record {
	unsigned int pid;
	char name[NAME_BYTES];
};

#endif
