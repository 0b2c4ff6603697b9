/* The kernel's network interface that a port may stand on. */
#include "kernel_interface.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tpa/base/error.h>

/* Calls the kernel about an interface. 0, or an errno value. */
static int call(unsigned int index, unsigned long what, struct ifreq *request)
{
    int control;
    int error = 0;

    if (index == 0 || if_indextoname(index, request->ifr_name) == NULL)
        return ENODEV;
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        return errno;
    if (ioctl(control, what, request) != 0)
        error = errno;
    close(control);
    return error;
}

bool tpa_netdev_interface_exists(unsigned int index)
{
    char name[IF_NAMESIZE];

    return index != 0 && if_indextoname(index, name) != NULL;
}

bool tpa_netdev_interface_runs(unsigned int index)
{
    const int needed = IFF_UP | IFF_RUNNING;
    struct ifreq request = {0};

    return call(index, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & needed) == needed;
}

uint16_t tpa_netdev_interface_mtu(unsigned int index)
{
    struct ifreq request = {0};

    if (call(index, SIOCGIFMTU, &request) != 0 || request.ifr_mtu > UINT16_MAX)
        return 0;
    return (uint16_t)request.ifr_mtu;
}

int tpa_netdev_interface_set_mtu(unsigned int index, uint16_t mtu)
{
    struct ifreq request = {.ifr_mtu = mtu};
    int error = call(index, SIOCSIFMTU, &request);

    if (error == 0)
        return 0;
    return error == EINVAL ? TPA_EINVAL : TPA_EIO;
}
