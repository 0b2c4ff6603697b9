/* The version of tpa. */
#ifndef TPA_API_VERSION_H
#define TPA_API_VERSION_H

/* "major.minor.patch", of the library that is linked. Static storage. */
const char *tpa_api_version(void);

#endif
