/*
 * Intrusive lists: the node lies inside the object (TPA_BASE_CONTAINER_OF finds it), nothing is
 * allocated.
 *
 * - tpa_base_list is circular and doubly linked: removal from the middle and splicing are O(1).
 *   Head and node are one type.
 * - tpa_base_queue is a singly linked tail queue: append, prepend, take first and concatenate are
 *   O(1).
 */
#ifndef TPA_BASE_LIST_H
#define TPA_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tpa_base_list {
    struct tpa_base_list *next; /* 0 */
    struct tpa_base_list *prev; /* 8 */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared takes none. */

/* Walks the nodes in order. The body must not unlink `node`. */
#define TPA_BASE_LIST_FOREACH(node, head) \
    for (struct tpa_base_list *node = (head)->next; node != (head); node = node->next)

/* Walks the nodes in order. The body may unlink `node`, but no other node. */
#define TPA_BASE_LIST_FOREACH_SAFE(node, following, head)                                    \
    for (struct tpa_base_list *node = (head)->next, *following = node->next; node != (head); \
         node = following, following = node->next)

/* NOLINTEND(bugprone-macro-parentheses) */

/* Makes an empty list out of a head. */
static inline void tpa_base_list_init(struct tpa_base_list *head)
{
    head->next = head;
    head->prev = head;
}

/* Makes a node that is in no list, so that tpa_base_list_is_linked() can tell. */
static inline void tpa_base_list_node_init(struct tpa_base_list *node)
{
    node->next = NULL;
    node->prev = NULL;
}

static inline bool tpa_base_list_is_empty(const struct tpa_base_list *head)
{
    return head->next == head;
}

/* For nodes that were initialised by _node_init or taken out by _remove. */
static inline bool tpa_base_list_is_linked(const struct tpa_base_list *node)
{
    return node->next != NULL;
}

/* Puts `node` right after `position`; with a head as position: in front of all others. */
static inline void tpa_base_list_insert_after(struct tpa_base_list *position,
                                              struct tpa_base_list *node)
{
    node->next = position->next;
    node->prev = position;
    position->next->prev = node;
    position->next = node;
}

/* Puts `node` right before `position`; with a head as position: behind all others. */
static inline void tpa_base_list_insert_before(struct tpa_base_list *position,
                                               struct tpa_base_list *node)
{
    tpa_base_list_insert_after(position->prev, node);
}

static inline void tpa_base_list_push_front(struct tpa_base_list *head, struct tpa_base_list *node)
{
    tpa_base_list_insert_after(head, node);
}

static inline void tpa_base_list_push_back(struct tpa_base_list *head, struct tpa_base_list *node)
{
    tpa_base_list_insert_before(head, node);
}

/* Unlinks a linked node and marks it as being in no list. */
static inline void tpa_base_list_remove(struct tpa_base_list *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    tpa_base_list_node_init(node);
}

/* The first node, or NULL if the list is empty. */
static inline struct tpa_base_list *tpa_base_list_first(const struct tpa_base_list *head)
{
    return tpa_base_list_is_empty(head) ? NULL : head->next;
}

/* The last node, or NULL if the list is empty. */
static inline struct tpa_base_list *tpa_base_list_last(const struct tpa_base_list *head)
{
    return tpa_base_list_is_empty(head) ? NULL : head->prev;
}

/* Unlinks and returns the first node, or NULL if the list is empty. */
static inline struct tpa_base_list *tpa_base_list_pop_front(struct tpa_base_list *head)
{
    struct tpa_base_list *node = tpa_base_list_first(head);

    if (node == NULL)
        return NULL;
    head->next = node->next;
    node->next->prev = head;
    tpa_base_list_node_init(node);
    return node;
}

/* Moves all nodes of `from` behind those of `to`; `from` is empty afterwards. */
static inline void tpa_base_list_splice_back(struct tpa_base_list *to, struct tpa_base_list *from)
{
    if (tpa_base_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    tpa_base_list_init(from);
}

/* Moves all nodes of `from` in front of those of `to`; `from` is empty afterwards. */
static inline void tpa_base_list_splice_front(struct tpa_base_list *to, struct tpa_base_list *from)
{
    tpa_base_list_splice_back(to->next, from);
}

struct tpa_base_queue_node {
    struct tpa_base_queue_node *next;
};

struct tpa_base_queue {
    struct tpa_base_queue_node *first;
    struct tpa_base_queue_node **last; /* the `next` of the last node, or `first` */
};

/* Walks the nodes in order. The body must not change the queue. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared takes none. */
#define TPA_BASE_QUEUE_FOREACH(node, queue) \
    for (struct tpa_base_queue_node *node = (queue)->first; node != NULL; node = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void tpa_base_queue_init(struct tpa_base_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static inline bool tpa_base_queue_is_empty(const struct tpa_base_queue *queue)
{
    return queue->first == NULL;
}

static inline void tpa_base_queue_push_back(struct tpa_base_queue *queue,
                                            struct tpa_base_queue_node *node)
{
    node->next = NULL;
    *queue->last = node;
    queue->last = &node->next;
}

static inline void tpa_base_queue_push_front(struct tpa_base_queue *queue,
                                             struct tpa_base_queue_node *node)
{
    node->next = queue->first;
    if (queue->first == NULL)
        queue->last = &node->next;
    queue->first = node;
}

/* Takes and returns the first node, or NULL if the queue is empty. */
static inline struct tpa_base_queue_node *tpa_base_queue_pop_front(struct tpa_base_queue *queue)
{
    struct tpa_base_queue_node *node = queue->first;

    if (node == NULL)
        return NULL;
    queue->first = node->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    node->next = NULL;
    return node;
}

/* Appends all of `from`, which is empty afterwards. */
static inline void tpa_base_queue_concatenate(struct tpa_base_queue *to,
                                              struct tpa_base_queue *from)
{
    if (tpa_base_queue_is_empty(from))
        return;
    *to->last = from->first;
    to->last = from->last;
    tpa_base_queue_init(from);
}

#endif
