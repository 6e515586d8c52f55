-- Queries for the ledger of a run, with any SQLite client:
--   sqlite3 runs/RUN/ledger.db < samples/ledger.sql
-- `.schema` explains every table and view. Do not change a ledger: its rows have checksums.

-- The rows that were sent, by outcome and error code.
SELECT outcome, coalesce(code, '') AS code, count(*) AS rows
FROM result GROUP BY 1, 2 ORDER BY 3 DESC;

-- The rows that failed, with the second column of the list.
SELECT member.row, json_extract(member.record, '$[1]') AS field, result.code, result.message
FROM member JOIN result USING (row) WHERE result.outcome = 'failed' ORDER BY member.row;

-- Every call that contained row 7.
SELECT sent.call, datetime(call.sent_at / 1000, 'unixepoch') AS sent_at, call.bearer, call.refusal
FROM sent JOIN call ON call.id = sent.call WHERE sent.row = 7;

-- The calls of each minute, and how many of them the service refused or lost as a whole.
SELECT datetime(sent_at / 60000 * 60, 'unixepoch') AS minute, count(*) AS calls, count(refusal) AS refused
FROM call GROUP BY 1 ORDER BY 1;

-- The members whose call was answered too late or not at all, and who were in the channel afterwards.
-- This run may have added them.
SELECT DISTINCT ruling.row, result.outcome
FROM ruling JOIN result USING (row)
WHERE ruling.in_doubt AND result.outcome = 'already_member' ORDER BY ruling.row;

-- The passes of the run after the first, one for each `retry`.
SELECT id, datetime(begun_at / 1000, 'unixepoch') AS begun_at, codes, first_call FROM pass ORDER BY id;
