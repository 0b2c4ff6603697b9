#include <criterion/criterion.h>

#include <tpa/base/compiler.h>
#include <tpa/base/list.h>

struct item {
    char name;
    struct tpa_base_list link;
    struct tpa_base_queue_node node;
};

static struct item items[] = {{'a'}, {'b'}, {'c'}, {'d'}};

/* The names in the list, forwards; checked to be the same backwards. */
static const char *names(const struct tpa_base_list *head)
{
    static char text[8], backwards[8];
    size_t count = 0, index;

    TPA_BASE_LIST_FOREACH(link, head)
    text[count++] = TPA_BASE_CONTAINER_OF(link, struct item, link)->name;
    text[count] = backwards[count] = '\0';
    index = count;
    for (struct tpa_base_list *link = head->prev; link != head; link = link->prev)
        backwards[--index] = TPA_BASE_CONTAINER_OF(link, struct item, link)->name;
    cr_assert_eq(index, 0);
    cr_assert_str_eq(text, backwards);
    return text;
}

static void fill(struct tpa_base_list *head, size_t from, size_t to)
{
    tpa_base_list_init(head);
    for (size_t i = from; i < to; i++)
        tpa_base_list_push_back(head, &items[i].link);
}

Test(list, keeps_order_at_both_ends)
{
    struct tpa_base_list head;

    tpa_base_list_init(&head);
    cr_assert(tpa_base_list_is_empty(&head));
    cr_assert_null(tpa_base_list_first(&head));
    cr_assert_null(tpa_base_list_last(&head));
    cr_assert_null(tpa_base_list_pop_front(&head));
    tpa_base_list_push_back(&head, &items[1].link);
    tpa_base_list_push_back(&head, &items[2].link);
    tpa_base_list_push_front(&head, &items[0].link);
    cr_assert_str_eq(names(&head), "abc");
    cr_assert_eq(tpa_base_list_first(&head), &items[0].link);
    cr_assert_eq(tpa_base_list_last(&head), &items[2].link);
    tpa_base_list_insert_before(&items[0].link, &items[3].link);
    cr_assert_str_eq(names(&head), "dabc");
}

Test(list, removal_from_anywhere_marks_the_node)
{
    struct tpa_base_list head;

    fill(&head, 0, 4);
    tpa_base_list_remove(&items[1].link);
    cr_assert_not(tpa_base_list_is_linked(&items[1].link));
    cr_assert_str_eq(names(&head), "acd");
    tpa_base_list_remove(&items[3].link);
    cr_assert_eq(tpa_base_list_pop_front(&head), &items[0].link);
    cr_assert_str_eq(names(&head), "c");
    cr_assert(tpa_base_list_is_linked(&items[2].link));
    tpa_base_list_remove(&items[2].link);
    cr_assert(tpa_base_list_is_empty(&head));
}

Test(list, splices_at_both_ends_also_from_and_to_empty_lists)
{
    struct tpa_base_list a, b, empty;

    tpa_base_list_init(&empty);
    fill(&a, 0, 2);
    fill(&b, 2, 4);
    tpa_base_list_splice_back(&a, &b);
    cr_assert_str_eq(names(&a), "abcd");
    cr_assert(tpa_base_list_is_empty(&b));
    tpa_base_list_splice_back(&a, &empty);
    tpa_base_list_splice_front(&a, &empty);
    cr_assert_str_eq(names(&a), "abcd");
    tpa_base_list_splice_front(&b, &a);
    cr_assert_str_eq(names(&b), "abcd");

    fill(&a, 0, 2);
    fill(&b, 2, 4);
    tpa_base_list_splice_front(&a, &b);
    cr_assert_str_eq(names(&a), "cdab");
    tpa_base_list_splice_back(&empty, &a);
    cr_assert_str_eq(names(&empty), "cdab");
}

Test(list, the_safe_walk_allows_removing_the_node_in_hand)
{
    struct tpa_base_list head;

    fill(&head, 0, 4);
    TPA_BASE_LIST_FOREACH_SAFE(link, following, &head)
    {
        if (link != &items[2].link)
            tpa_base_list_remove(link);
    }
    cr_assert_str_eq(names(&head), "c");
}

static const char *queued(const struct tpa_base_queue *queue)
{
    static char text[8];
    size_t count = 0;

    TPA_BASE_QUEUE_FOREACH(node, queue)
    text[count++] = TPA_BASE_CONTAINER_OF(node, struct item, node)->name;
    text[count] = '\0';
    return text;
}

Test(queue, first_in_first_out)
{
    struct tpa_base_queue queue;

    tpa_base_queue_init(&queue);
    cr_assert(tpa_base_queue_is_empty(&queue));
    cr_assert_null(tpa_base_queue_pop_front(&queue));
    for (size_t i = 0; i < 3; i++)
        tpa_base_queue_push_back(&queue, &items[i].node);
    cr_assert_str_eq(queued(&queue), "abc");
    cr_assert_eq(tpa_base_queue_pop_front(&queue), &items[0].node);
    cr_assert_eq(tpa_base_queue_pop_front(&queue), &items[1].node);
    cr_assert_eq(tpa_base_queue_pop_front(&queue), &items[2].node);
    cr_assert(tpa_base_queue_is_empty(&queue));
    /* The tail must have come back to the head. */
    tpa_base_queue_push_back(&queue, &items[3].node);
    cr_assert_str_eq(queued(&queue), "d");
}

Test(queue, what_is_put_in_front_of_an_empty_queue_is_also_its_end)
{
    struct tpa_base_queue queue;

    tpa_base_queue_init(&queue);
    tpa_base_queue_push_front(&queue, &items[1].node);
    tpa_base_queue_push_front(&queue, &items[0].node);
    tpa_base_queue_push_back(&queue, &items[2].node);
    cr_assert_str_eq(queued(&queue), "abc");
}

Test(queue, concatenation_empties_the_other)
{
    struct tpa_base_queue a, b;

    tpa_base_queue_init(&a);
    tpa_base_queue_init(&b);
    tpa_base_queue_concatenate(&a, &b);
    cr_assert(tpa_base_queue_is_empty(&a));
    tpa_base_queue_push_back(&b, &items[0].node);
    tpa_base_queue_push_back(&b, &items[1].node);
    tpa_base_queue_concatenate(&a, &b);
    cr_assert(tpa_base_queue_is_empty(&b));
    tpa_base_queue_push_back(&b, &items[3].node);
    tpa_base_queue_push_back(&a, &items[2].node);
    cr_assert_str_eq(queued(&a), "abc");
    tpa_base_queue_concatenate(&a, &b);
    cr_assert_str_eq(queued(&a), "abcd");
}
