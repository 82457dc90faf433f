/* What a run has found, as JSON: what is sound is counted, what is not is told. */
#include "integrity.h"

int64_t ocl_integrity_damage(const struct ocl_integrity *v)
{
    int64_t damage = 0;
    for (size_t i = 0; i < v->checks; i++)
        if (!v->finding[i].check->is_note)
            damage += v->finding[i].count - v->finding[i].mended;
    return damage;
}

static void put_examples(struct nst_buf *out, const struct ocl_finding *f)
{
    nst_put_lit(out, ",\"examples\":[");
    for (size_t i = 0; i < f->examples; i++) {
        nst_put_z(out, i > 0 ? ",{\"address\":" : "{\"address\":");
        nst_json_put_str_or_null(out, f->example[i].address);
        nst_put_lit(out, ",\"detail\":");
        nst_json_put_str_or_null(out, f->example[i].detail);
        nst_put_char(out, '}');
    }
    nst_put_char(out, ']');
}

static void put_finding(struct nst_buf *out, const struct ocl_finding *f)
{
    const struct ocl_check *c = f->check;
    nst_put_lit(out, "{\"check\":");
    nst_json_put_str(out, nst_str_z(c->name));
    nst_put_z(out, c->is_note ? ",\"level\":\"note\",\"meaning\":"
                              : ",\"level\":\"damage\",\"meaning\":");
    nst_json_put_str(out, nst_str_z(c->meaning));
    nst_put_lit(out, ",\"remedy\":");
    nst_json_put_str(out, nst_str_z(c->remedy));
    nst_putf(out, ",\"count\":%lld,\"repairable\":%lld,\"repaired\":%lld", (long long)f->count,
             (long long)f->mendable, (long long)f->mended);
    put_examples(out, f);
    nst_put_char(out, '}');
}

void ocl_integrity_put(struct nst_buf *out, const struct ocl_integrity *v)
{
    int64_t damage = 0, notes = 0, mended = 0;
    bool any = false;
    for (size_t i = 0; i < v->checks; i++) {
        const struct ocl_finding *f = &v->finding[i];
        *(f->check->is_note ? &notes : &damage) += f->count;
        mended += f->mended;
    }
    nst_putf(out, "{\"checks\":%zu,\"damage\":%lld,\"repaired\":%lld,\"left\":%lld,\"notes\":%lld",
             v->checks, (long long)damage, (long long)mended, (long long)ocl_integrity_damage(v),
             (long long)notes);
    nst_put_lit(out, ",\"findings\":[");
    for (size_t i = 0; i < v->checks; i++) {
        if (v->finding[i].count == 0)
            continue;
        nst_put_z(out, any ? "," : "");
        put_finding(out, &v->finding[i]);
        any = true;
    }
    nst_put_lit(out, "]}");
}
