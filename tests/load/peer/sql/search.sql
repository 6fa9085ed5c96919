SELECT page.* FROM (SELECT (customers_fold($1::text)) AS once_0, (customers_fold($1::text)) AS once_1, (customers_fold($1::text)) AS once_2, ('%' || customers_letters(customers_fold($1::text)) || '%') AS once_3 OFFSET 0) given, LATERAL ((SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 0 AS part FROM customers_customer WHERE customers_fold(last_name) COLLATE "C" = given.once_0 ORDER BY customers_fold(last_name) COLLATE "C" ASC, customers_fold(first_name) COLLATE "C" ASC, id ASC LIMIT 21) UNION ALL (SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 1 AS part FROM customers_customer WHERE (customers_fold(first_name) COLLATE "C" = given.once_0 AND NOT CASE WHEN customers_fold(last_name) COLLATE "C" = given.once_0 THEN true ELSE false END) ORDER BY customers_fold(first_name) COLLATE "C" ASC, customers_fold(last_name) COLLATE "C" ASC, id ASC LIMIT 21) UNION ALL (SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 2 AS part FROM customers_customer WHERE ((customers_fold(last_name) COLLATE "C" > given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) AND NOT CASE WHEN customers_fold(first_name) COLLATE "C" = given.once_0 THEN true ELSE false END) ORDER BY customers_fold(last_name) COLLATE "C" ASC, customers_fold(first_name) COLLATE "C" ASC, id ASC LIMIT 21) UNION ALL (SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 3 AS part FROM customers_customer WHERE ((customers_fold(first_name) COLLATE "C" > given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111))) AND NOT CASE WHEN (customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) THEN true ELSE false END) ORDER BY customers_fold(first_name) COLLATE "C" ASC, customers_fold(last_name) COLLATE "C" ASC, id ASC LIMIT 21) UNION ALL (SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 4 AS part FROM customers_customer WHERE ((lower(email) ~>=~ given.once_1 AND lower(email) ~<~ (given.once_1 || chr(1114111))) AND NOT CASE WHEN ((customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (customers_fold(first_name) COLLATE "C" >= given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111)))) THEN true ELSE false END) ORDER BY lower(email) USING ~<~ LIMIT 21) UNION ALL (
            WITH start AS MATERIALIZED (
              SELECT (SELECT id FROM customers_customer ORDER BY id DESC LIMIT 1) - 249 AS near
            ),
            latest AS MATERIALIZED (
              SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 5 AS part FROM (
                SELECT * FROM customers_customer WHERE NOT id < (SELECT near FROM start)
                ORDER BY id DESC LIMIT 250
              ) latest
              WHERE (strpos(search_text, given.once_2) > 0 AND NOT CASE WHEN ((customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (customers_fold(first_name) COLLATE "C" >= given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (lower(email) ~>=~ given.once_1 AND lower(email) ~<~ (given.once_1 || chr(1114111)))) THEN true ELSE false END) ORDER BY id DESC LIMIT 21
            ),
            reach AS MATERIALIZED (
              SELECT
                lowest, near - ((SELECT count(*) FROM latest) + (
            SELECT count(*) FROM generate_series(lowest + apart, highest - apart, apart) AS place
            WHERE EXISTS (
              SELECT FROM (
                SELECT * FROM customers_customer WHERE id <= place AND id > place - apart ORDER BY id DESC LIMIT 8
              ) neighbours
              WHERE (strpos(search_text, given.once_2) > 0 AND NOT CASE WHEN ((customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (customers_fold(first_name) COLLATE "C" >= given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (lower(email) ~>=~ given.once_1 AND lower(email) ~<~ (given.once_1 || chr(1114111)))) THEN true ELSE false END)
            )
        )) * ((highest - lowest) * 8 / 570) AS far
              FROM start, (
                SELECT
                  min(id) AS lowest, max(id) AS highest, greatest((max(id) - min(id)) / 40, 10000) AS apart
                FROM customers_customer
              ) ids
            )
            SELECT * FROM latest
            UNION ALL (
              SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 5 AS part FROM customers_customer
              WHERE id < (SELECT near FROM start) AND NOT id < (SELECT far FROM reach) AND (strpos(search_text, given.once_2) > 0 AND NOT CASE WHEN ((customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (customers_fold(first_name) COLLATE "C" >= given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (lower(email) ~>=~ given.once_1 AND lower(email) ~<~ (given.once_1 || chr(1114111)))) THEN true ELSE false END) ORDER BY id DESC LIMIT 21
            )
            UNION ALL (
              SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, 5 AS part FROM (
                SELECT * FROM customers_customer
                WHERE (SELECT lowest FROM reach) < (SELECT far FROM reach) AND customers_letters(search_text) LIKE given.once_3 AND (strpos(search_text, given.once_2) > 0 AND NOT CASE WHEN ((customers_fold(last_name) COLLATE "C" >= given.once_0 AND customers_fold(last_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (customers_fold(first_name) COLLATE "C" >= given.once_0 AND customers_fold(first_name) COLLATE "C" < (given.once_0 || chr(1114111))) OR (lower(email) ~>=~ given.once_1 AND lower(email) ~<~ (given.once_1 || chr(1114111)))) THEN true ELSE false END) AND id + 0 < (SELECT far FROM reach)
                OFFSET 0
              ) candidates
              ORDER BY id DESC LIMIT 21
            )
            LIMIT 21
            ) LIMIT 21) page
