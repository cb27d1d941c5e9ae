-- No two rows of pages, rejects or targets have the same key.
-- Reads: pages, rejects, targets
select
    'pages' as table_name,
    concat_ws(', ', tag, package) as key,
    count(*) as row_count
from pages
group by tag, package
having count(*) > 1
union all
select
    'rejects',
    concat_ws(', ', page, item, code),
    count(*)
from rejects
-- A page may hold several specs that are refused, each but once.
where item is not null
group by page, item, code
having count(*) > 1
union all
select
    'targets',
    concat_ws(', ', host_target, binary_target),
    count(*)
from targets
group by host_target, binary_target
having count(*) > 1
