-- The name to show goes by the languages of the source. What the guide shows, the first preferred
-- name, is kept beside it where it is another one.
ALTER TABLE concept_version ADD COLUMN preferred_name text;
ALTER TABLE concept_version ADD COLUMN preferred_locale text;
UPDATE concept_version SET preferred_name = display_name, preferred_locale = display_locale;
--sqlite: UPDATE concept_version SET (display_name, display_locale) = (
--sqlite:   SELECT json_extract(e.value, '$.name'), json_extract(e.value, '$.locale')
--sqlite:   FROM repo r, json_each(concept_version.names) e WHERE r.id = concept_version.repo_id
--sqlite:   ORDER BY coalesce(json_extract(e.value, '$.retired'), 0),
--sqlite:     CASE WHEN json_extract(e.value, '$.locale') = r.default_locale THEN 0
--sqlite:       WHEN instr(',' || replace(coalesce(r.supported_locales, ''), ' ', '') || ',',
--sqlite:         ',' || json_extract(e.value, '$.locale') || ',') > 0 THEN 1
--sqlite:       WHEN json_extract(e.value, '$.locale') = 'en' THEN 2 ELSE 3 END,
--sqlite:     coalesce(json_extract(e.value, '$.locale_preferred'), 0) DESC, e.key DESC LIMIT 1);
--postgresql: UPDATE concept_version SET (display_name, display_locale) = (
--postgresql:   SELECT e.value ->> 'name', e.value ->> 'locale' FROM repo r,
--postgresql:     json_array_elements(CAST(concept_version.names AS json)) WITH ORDINALITY e (value, key)
--postgresql:   WHERE r.id = concept_version.repo_id
--postgresql:   ORDER BY coalesce(CAST(e.value ->> 'retired' AS boolean), FALSE),
--postgresql:     CASE WHEN e.value ->> 'locale' = r.default_locale THEN 0
--postgresql:       WHEN position(',' || (e.value ->> 'locale') || ',' IN
--postgresql:         ',' || replace(coalesce(r.supported_locales, ''), ' ', '') || ',') > 0 THEN 1
--postgresql:       WHEN e.value ->> 'locale' = 'en' THEN 2 ELSE 3 END,
--postgresql:     coalesce(CAST(e.value ->> 'locale_preferred' AS boolean), FALSE) DESC, e.key DESC LIMIT 1);
UPDATE concept_version SET preferred_name = NULL, preferred_locale = NULL
  WHERE preferred_name = display_name AND preferred_locale = display_locale;
