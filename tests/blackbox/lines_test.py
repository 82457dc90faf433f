#!/usr/bin/env python3
"""Files of an import in every form: what the reader makes of them, by lines_probe, and that an
export becomes the same content in another installation.

Usage: lines_test.py --nestor PATH [--probe-dir DIR]
"""
# rows: V614
import io
import json
import os
import random
import struct
import subprocess
import tempfile
import zipfile

from support import Site, Tally, arguments, engines

ORG = {"type": "Organization", "id": "LAB", "name": "Lab"}
HEAD = "resource_type,id,owner_id,source,concept_class,name"
OWNED = {"owner": "LAB", "owner_type": "Organization"}
PLACE = {**OWNED, "source": "S"}
URL = "/orgs/LAB/sources/S/"


def first_name(name, **more):
    return {"name": name, "locale": "en", "name_type": "Fully Specified",
            "locale_preferred": True, **more}


class Forms:
    """Every method test_* is a case."""

    def __init__(self, probe):
        self.probe = probe

    def run_probe(self, content, *words, limit=300):
        content = content.encode() if isinstance(content, str) else content
        with tempfile.NamedTemporaryFile() as f:
            f.write(content)
            f.flush()
            p = subprocess.run([self.probe, f.name, *words], capture_output=True, check=False,
                               encoding="utf-8", errors="surrogateescape", timeout=limit)
        assert p.returncode in (0, 1), f"{p.returncode}: {p.stderr[-2000:]}{p.stdout[-300:]}"
        return p

    def read(self, content):
        p = self.run_probe(content)
        assert p.returncode == 0, p.stdout
        lines = [json.loads(line) for line in p.stdout.splitlines()]
        for line in lines:
            assert (line["tree"] is None) != (line["fault"] is None), line
            assert line["tree"] is None or json.loads(line["text"]) == line["tree"], line
            assert "\n" not in (line["text"] or ""), line
        return lines

    def trees(self, content):
        lines = self.read(content)
        assert all(line["tree"] is not None for line in lines), \
            [line["fault"] for line in lines if line["fault"]]
        return [line["tree"] for line in lines]

    def refused(self, content, *words):
        p = self.run_probe(content)
        assert p.returncode == 1, f"taken: {p.stdout[:300]}"
        missing = [w for w in words if w not in p.stdout]
        assert not missing, f"{missing} not in {p.stdout!r}"
        assert len(p.stdout.splitlines()) == 1, p.stdout

    def given(self, content, mended=""):
        """The faulty lines as they come back; who reads them again, and one that is mended, has as
        many."""
        back = self.run_probe(content, "--give").stdout
        again = self.run_probe((back + mended).encode("utf-8", "surrogateescape"), "--give").stdout
        assert again == back, f"refused at first, and then not: {back!r} {again!r}"
        return back

    # ---- JSON ----

    def test_json_lines(self):
        for end in ("\n", "\r\n"):
            text = end.join(["\ufeff", json.dumps(ORG), "  ", '{"x": }', "[1]", json.dumps(ORG)])
            lines = self.read(text)
            assert [line["number"] for line in lines] == [2, 4, 5, 6], lines
            assert [line["tree"] for line in lines] == [ORG, None, None, ORG], lines
            assert "line 4, column 7" in lines[1]["fault"], lines
            assert lines[1]["text"] == '{"x": }', lines
            assert lines[-1]["done"] == len(text.encode()), lines

    def test_nothing_is_no_line(self):
        for text in ("", "\n \n", "[]", "\ufeff"):
            assert self.read(text) == [], text

    def test_lines_have_bounds(self):
        big = json.dumps({"type": "Organization", "id": "x" * (16 << 20)})
        deep = '{"extras":' + "[" * 70 + "]" * 70 + "}"
        lines = self.read("\n".join([json.dumps(ORG), big, deep]))
        assert [line["tree"] for line in lines] == [ORG, None, None]
        assert "line 2" in lines[1]["fault"] and "16 MiB" in lines[1]["fault"], lines[1]["fault"]
        assert lines[1]["text"] is None
        assert "line 3, column 74" in lines[2]["fault"], lines[2]["fault"]

    def test_arrays(self):
        """A faulty item does not end the reading, what is between items does."""
        other = {"type": "x", "list": [{"a": "]},{[\\\""}], "n": 1e5}
        for indent in (None, 2):
            text = json.dumps([ORG, other], indent=indent)
            assert self.trees("\ufeff \n" + text + "\n") == [ORG, other]
        lines = self.read('[{"a":1},\n {b:\n2}, "unended\n, 7, {"z": [1}} ]')
        assert [line["number"] for line in lines] == [1, 2, 3, 4, 5], lines
        assert [line["tree"] for line in lines] == [{"a": 1}] + [None] * 4, lines
        assert "item 2, line 2, column 3" in lines[1]["fault"], lines
        assert lines[1]["text"] == "{b: 2}", lines
        self.refused('[{"a":1},', "array", "line 1, column 10", "cut short")
        self.refused('[{"a":1} {"b":2}]', "array", "line 1, column 10")
        self.refused('[{"a":1},\n{]', "array: line 2")
        self.refused('[{"a":1}]\n x', "array: line 2, column 2")
        self.refused("[,]", "array: line 1")

    def test_one_object(self):
        assert self.trees(json.dumps(ORG, indent=2)) == [ORG]
        assert self.trees(json.dumps(ORG)) == [ORG]
        self.refused(json.dumps(ORG, indent=2) + "\n" + json.dumps(ORG, indent=2), "JSON lines",
                     "line 1, column 2")

    def test_what_is_none_of_them(self):
        self.refused(json.dumps(ORG).encode("utf-16"), "UTF-16")
        self.refused(b"\x1f\x8b\x08\x00", "gzip", "zcat")
        self.refused("hello, world\n", "JSON lines", "docs/import.md", "line 1, column 1")
        self.refused("\x00\x01\x02", "UTF-16")

    # ---- ZIP ----

    @staticmethod
    def pack(*files, method=zipfile.ZIP_DEFLATED, comment=b"", stream=False, big=False):
        out = io.BytesIO()
        if stream:
            out.seekable = lambda: False
        with zipfile.ZipFile(out, "w", method) as z:
            for name, text in files:
                if name.endswith("/"):
                    z.writestr(name, "")
                    continue
                with z.open(name, "w", force_zip64=big) as f:
                    f.write(text if isinstance(text, bytes) else text.encode())
            z.comment = comment
        return out.getvalue()

    def test_zips(self):
        text = "\n".join(json.dumps({**ORG, "id": str(i)}) for i in range(3000))
        wanted = [{**ORG, "id": str(i)} for i in range(3000)]
        for options in ({}, {"method": zipfile.ZIP_STORED}, {"stream": True}, {"big": True},
                        {"comment": b"PK\5\6" + b"x" * 65000}, {"stream": True, "big": True},
                        {"stream": True, "method": zipfile.ZIP_STORED}):
            assert self.trees(self.pack(("a.jsonl", text), **options)) == wanted, options
        assert self.trees(self.pack(("d/", ""), ("d/x", text), ("__MACOSX/d/._x", "y"))) == wanted
        assert self.trees(self.pack(("x.txt", json.dumps(wanted)))) == wanted
        assert self.trees(self.pack(("x", HEAD + "\nOrganization,O,,,,n"))) == \
            [{"type": "Organization", "id": "O", "name": "n"}]
        assert self.read(self.pack(("a", ""))) == []

    def test_zips_that_are_refused(self):
        text = json.dumps(ORG)
        good = self.pack(("a", text), method=zipfile.ZIP_STORED)
        self.refused(self.pack(("a", text), ("b.csv", text)), "more than one file", "a, b.csv")
        self.refused(self.pack(("d/", "")), "without a file")
        self.refused(self.pack(), "without a file")
        self.refused(self.pack(("a.zip", good)), "ZIP archive inside")
        for name in ("../a", "/a", "a/../../b", "C:a", "a\\b"):
            self.refused(self.pack((name, text)), "leads out")
        self.refused(self.pack(("a", text), method=zipfile.ZIP_LZMA), "deflate")
        self.refused(good.replace(b"Lab", b"Lob"), "broken")
        for end in (len(good) - 1, len(good) // 2, 40, 4):
            self.refused(good[:end], "broken")
        locked = bytearray(good)
        at = locked.index(b"PK\1\2")
        locked[at + 8] |= 1
        self.refused(bytes(locked), "encrypted")
        self.refused(self.pack(("a", b" " * (64 << 20))), "times its size")
        lying = bytearray(self.pack(("a", text * 100)))
        at = lying.index(b"PK\1\2")
        lying[at + 24:at + 28] = struct.pack("<I", 10)
        self.refused(bytes(lying), "broken")
        wide = bytearray(good)
        wide[-22 + 10:-22 + 12] = b"\xfe\xff"
        self.refused(bytes(wide), "10000")

    def test_broken_zips_never_harm(self):
        dice = random.Random(614)
        good = self.pack(("a", "\n".join(json.dumps(ORG) for _ in range(50))), big=True)
        for _ in range(150):
            bad = bytearray(good)
            for _ in range(dice.randint(1, 4)):
                bad[dice.randrange(len(bad))] = dice.randrange(256)
            self.run_probe(bytes(bad))

    # ---- Tables ----

    def row(self, titles, cells):
        trees = self.trees(f"{titles}\n{cells}\n")
        assert len(trees) == 1, trees
        return trees[0]

    def test_rows_of_every_type(self):
        """[V614]"""
        assert self.row("resource_type,id,name,company,website,location,public_access,attr:a",
                        "ORGANIZATION,O,Org,C,w,l,View,b") == \
            {"type": "Organization", "id": "O", "name": "Org", "company": "C", "website": "w",
             "location": "l", "public_access": "View", "extras": {"a": "b"}}
        assert self.row("resource_type,owner_id,owner_type,id,short_code,name,full_name,source_type,"
                        "default_locale,supported_locales,custom_validation_schema,external_id,"
                        "experimental", "source,u,User,S,S,n,f,Dictionary,en,\"en, fr\",None,7,no") == \
            {"type": "Source", "owner": "u", "owner_type": "User", "id": "S", "name": "n",
             "full_name": "f", "source_type": "Dictionary", "default_locale": "en",
             "supported_locales": ["en", "fr"], "custom_validation_schema": "None",
             "external_id": "7", "experimental": False}
        assert self.row("resource_type,owner_id,source,id,description,released",
                        "Source Version,LAB,S,v1,d,TRUE") == \
            {"type": "Source Version", **PLACE, "id": "v1", "description": "d", "released": True}
        assert self.row("resource_type,collection,owner_id,data/expressions", "Reference,K,LAB,/a/") == \
            {"type": "Reference", "collection": "K", "data": {"expressions": ["/a/"]}, **OWNED}
        assert self.row("resource_type,collection,owner_id,id", "Collection Version,K,LAB,1") == \
            {"type": "Collection Version", "collection": "K", "id": "1", **OWNED}

    def test_a_row_without_type_is_a_concept(self):
        assert self.row("id,owner_id,source,concept_class,name", "A,LAB,S,Test,a") == \
            {"type": "Concept", **PLACE, "id": "A", "concept_class": "Test", "datatype": "None",
             "names": [first_name("a")]}
        assert self.row("resource_type,id,retired,external_id,parent_concept_urls,datatype",
                        ",A,1,x,\"/a/,/b/\",N/A") == \
            {"type": "Concept", "id": "A", "retired": True, "external_id": "x",
             "parent_concept_urls": ["/a/", "/b/"], "datatype": "N/A"}

    def test_names_and_descriptions(self):
        concept = self.row(
            "id,name,name_locale,name_type,name_locale_preferred,name_external_id,name[2],"
            "name_locale[2],name_type[2],name[1],description,description_locale,description[02],"
            "description_type[2],description_external_id[2],description_locale_preferred[2]",
            "A,a,fr,None,false,x,b,,Short,c,d,es,e,Note,y,yes")
        assert concept["names"] == [
            {"name": "a", "locale": "fr", "name_type": "None", "locale_preferred": False,
             "external_id": "x"},
            {"name": "b", "name_type": "Short", "locale": "en"}, {"name": "c", "locale": "en"}]
        assert concept["descriptions"] == [
            {"description": "d", "locale": "es"},
            {"description": "e", "description_type": "Note", "external_id": "y",
             "locale_preferred": True, "locale": "en"}]
        assert "names" not in self.row("id,name,name_locale", "A,,fr")
        line, = self.read("id,name,name_external_id\nA,,x")
        assert line["key"] == "name_external_id" and "Line 2" in line["fault"], line

    def test_attributes(self):
        titles = ("id,attr:a,attr:b:bool,attr:c:int,attr:d:float,attr:e:list,attr:f:json,attr:g:str,"
                  "attr:http://x/y,attr_key[1],attr_value[1],attr_key[2],attr_value[2]")
        assert self.row(titles, "A,1,No,-5,2.5,\"x, y\",\"{\"\"z\"\": [null]}\",7,u,k,v,l,")["extras"] == \
            {"a": "1", "b": False, "c": -5, "d": 2.5, "e": ["x", "y"], "f": {"z": [None]}, "g": "7",
             "http://x/y": "u", "k": "v"}
        assert "extras" not in self.row(titles, "A")
        lines = self.read(titles + "\nA,1,maybe,5.5,x,,{,,,,v\nB")
        assert lines[0]["tree"] is None and lines[1]["tree"] is not None, lines
        for title in ("attr:b:bool", "attr:c:int", "attr:d:float", "attr:f:json", "attr_value[1]"):
            assert f'Line 2, column "{title}"' in lines[0]["fault"], (title, lines[0]["fault"])
        assert lines[0]["key"] == "attr:b:bool", lines
        assert lines[0]["given"] == "A,1,maybe,5.5,x,,{,,,,v", lines
        line, = self.read("id,attr:k,attr_key[1],attr_value[1]\nA,1,k,2")
        assert "same key" in line["fault"], line

    def test_mappings_of_concepts(self):
        concept, *maps = self.trees(
            "id,owner_id,source,map_type[1],map_to_concept_id[1],map_to_concept_url[2],"
            "map_to_concept_name[2],map_type[3],map_to_concept_id[4],map_to_concept_owner_id[4],"
            "map_to_concept_source[4],extmap_to_concept_id[1],extmap_to_concept_source[1],"
            "extmap_to_concept_owner_id[1],extmap_to_concept_owner_type[1],"
            "extmap_to_concept_name[1],map_from_concept_id[4]\n"
            "A b,LAB,S,Narrower,B,/orgs/X/sources/Y/concepts/Z/,z,Same As,D,W,T,E,L,u,User,e,Q")
        start = {"type": "Mapping", **PLACE, "map_type": "Same As", "from_source_url": URL,
                 "from_concept_code": "A b"}
        assert concept["id"] == "A b", concept
        assert maps == [
            {**start, "map_type": "Narrower", "to_source_url": URL, "to_concept_code": "B"},
            {**start, "to_concept_url": "/orgs/X/sources/Y/concepts/Z/", "to_concept_name": "z"},
            {**start, "from_concept_code": "Q", "to_source_url": "/orgs/W/sources/T/",
             "to_concept_code": "D"},
            {**start, "to_source_url": "/users/u/sources/L/", "to_concept_code": "E",
             "to_concept_name": "e"}], maps
        lines = self.read("id,owner_id,source,map_to_concept_name[1],extmap_to_concept_id[2]\n"
                          "A,LAB,S,x,y\nB,LAB,S,,\n")
        assert [line["number"] for line in lines] == [2, 2, 2, 3], lines
        assert [line["key"] for line in lines] == \
            [None, "map_to_concept_name[1]", "extmap_to_concept_id[2]", None], lines

    def test_rows_of_mappings(self):
        start = {"type": "Mapping", **PLACE, "map_type": "Same As"}
        assert self.row("resource_type,owner_id,source,from_concept_url,to_concept_url",
                        "mapping,LAB,S,/f/,/t/") == \
            {**start, "from_concept_url": "/f/", "to_concept_url": "/t/"}
        assert self.row("resource_type,owner_id,source,id,map_type,from_concept_url,to_source_url,"
                        "to_concept_code,to_concept_name,external_id,sort_weight,attr:a",
                        "External Mapping,LAB,S,m1,Q,/f/,/s/,c,n,x,1.5,b") == \
            {**start, "id": "m1", "map_type": "Q", "from_concept_url": "/f/", "to_source_url": "/s/",
             "to_concept_code": "c", "to_concept_name": "n", "external_id": "x", "sort_weight": 1.5,
             "extras": {"a": "b"}}
        line, = self.read("resource_type,id,map_type[1]\nMapping,A,x")
        assert line["key"] == "map_type[1]" and "no such column" in line["fault"], line
        assert self.row("resource_type,owner_id,source,map_from_concept_id,map_to_concept_id,"
                        "map_to_concept_source", "Mapping,LAB,S,A,B,T") == \
            {**start, "from_source_url": URL, "from_concept_code": "A",
             "to_source_url": "/orgs/LAB/sources/T/", "to_concept_code": "B"}

    def test_what_spreadsheets_write(self):
        want = [{"type": "Organization", "id": "O", "name": "a, \"b\"\nc; d"}]
        for mark in ("", "\ufeff"):
            for separator in ",;\t":
                for end in ("\n", "\r\n"):
                    text = end.join([separator.join(["Resource_Type", " id ", "name", "", ""]),
                                     separator.join(["Organization", "O",
                                                     '"a, ""b""\nc; d"', "", ""]),
                                     separator * 4, ""])
                    assert self.trees(mark + text) == want, text

    def test_broken_rows(self):
        """A stray quote takes no other row along, though quotes may hold line ends."""
        lines = self.read(HEAD + "\nConcept,A,LAB,S,T,a\nConcept,B,LAB,S,T,\"b\nConcept,C,LAB,S,T,c\n"
                          "Concept,D,LAB,S,T,\"d\ne\"\nNonsense,E\nConcept,F,LAB,S,T,f,g\n")
        assert [line["number"] for line in lines] == [2, 3, 4, 5, 7, 8], lines
        assert [line["tree"] and line["tree"]["id"] for line in lines] == \
            ["A", None, "C", "D", None, None], lines
        assert "Line 3" in lines[1]["fault"] and "quote" in lines[1]["fault"], lines[1]
        assert lines[1]["given"] == 'Concept,B,LAB,S,T,"b', lines[1]
        assert lines[4]["key"] == "resource_type" and "Collection" in lines[4]["fault"], lines[4]
        assert "cell 7" in lines[5]["fault"], lines[5]

    def test_what_is_refused_comes_back_and_is_refused_again(self):
        """Rows as they came, behind the first line; until they are mended."""
        for mark, end, begin in (("", "\n", ""), ("\ufeff", "\r\n", ""), ("\ufeff", "\n", "sep=;\n"),
                                 ("", "\n", "\n")):
            head = mark + begin + "resource_type;id;owner_id;source;attr:n:int;name;map_to_concept_url[1]"
            bad = ["Consept;A;LAB;S;1;a", "Concept;B;LAB;S;x;b;/c/", "Concept;C;LAB;S;1;c;/c/;more",
                   'Concept;D;LAB;S;1;"d\ne";/c/;more', ";E;LAB;S;;e\"", "Source;F;LAB;;;f;/g/",
                   "Concept,G,LAB,S,1,g,/c/"]
            good = "Concept;Z;LAB;S;1;z;"
            text = end.join([head, good, *[line for one in bad for line in (one, good)], ""])
            assert self.given(text) == "\n".join([head, *bad, ""]), self.given(text)
        lines = self.read(text)
        faults = " ".join(line["fault"] for line in lines if line["fault"])
        assert "separated by ," in faults, faults
        mended = self.given(text).replace("Consept", "Concept").split("\n")[:3]
        assert self.trees("\n".join(mended))[0]["id"] == "A"
        lines = [json.dumps(ORG), "[1]", "{x", '"y"', "\udcff{}"]
        assert self.given("\n".join(lines).encode("utf-8", "surrogateescape"), lines[0]) == \
            "[1]\n{x\n\"y\"\n\udcff{}\n"

    def test_lines_may_begin_with_what_looks_like_an_array(self):
        for first in ("[1]", '[{"a": 1}]', "[1, 2", "[{"):
            lines = self.read("\n".join([first, json.dumps(ORG), ""]))
            assert [line["tree"] for line in lines] == [None, ORG], lines
            assert lines[0]["given"] == first, lines
        self.refused('[{"a": 1},\n{"b": 2}\n', "array")
        self.refused('[\n{"a": 1}\n', "array")

    def test_text_that_is_not_utf_8(self):
        """Of a table it is a fault of the file; else of its line, which comes back byte for byte."""
        table = (HEAD + "\nConcept,A,LAB,S,T,").encode() + b"\xff\nConcept,B,LAB,S,T,b"
        self.refused(table, "table that is not UTF-8", "line 2, byte 19", "iconv -f CP1252")
        self.refused(b"id,name,attr:caf\xe9\nA,b", "not UTF-8", "line 1, byte 17", "iconv")
        for size in (65530, 65536, 200000):
            good = "id,name,concept_class\nA,b,c\n" + "B," + "\u20ac" * (size // 3) + ",c\n"
            assert len(self.trees(good)) == 2
            for end in (b"\xe2", b"\x82", b"\xe2\x82"):
                self.refused(good.encode() + b"C," + end, "line 4, byte 3")
        bad = b'{"id": "caf\xe9"}'
        lines = self.read(b"\n".join([json.dumps(ORG).encode(), bad, json.dumps(ORG).encode()]))
        assert [line["tree"] for line in lines] == [ORG, None, ORG], lines
        assert "line 2" in lines[1]["fault"] and "not UTF-8" in lines[1]["fault"], lines
        assert "iconv" in lines[1]["fault"], lines

    def test_spreadsheets_are_named(self):
        for name, word in (("xl/workbook.xml", ".xlsx"), ("META-INF/manifest.xml", ".ods")):
            sheet = self.pack(("[Content_Types].xml", "<a/>"), (name, "<b/>"))
            self.refused(sheet, word, "CSV", "UTF-8")
        self.refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xls)", "CSV UTF-8")
        self.refused("resource_type|id|owner_id\nConcept|A|LAB\n", "separated by |", "semicolons")

    def test_columns(self):
        self.refused(HEAD + ",nonsense,names\nConcept,A", "\"nonsense\", \"names\"", "not known")
        self.refused(HEAD + ",id\nConcept,A", "\"id\" twice")
        self.refused(HEAD + ",attr:a,attr:a:int\nConcept,A", "twice")
        self.refused(HEAD + "," * 2050 + "\nConcept,A", "2048 columns")
        lines = self.read(HEAD + ",company,released,owner\nConcept,A,LAB,S,T,a,c,true,BAL\n")
        assert lines[0]["key"] == "owner" or "company" in lines[0]["fault"], lines
        for title in ("company", "released", "owner"):
            assert f'column "{title}"' in lines[0]["fault"], lines[0]["fault"]
        big = "x" * (1 << 20)
        lines = self.read(f"{HEAD}\nConcept,A,LAB,S,T,{big}\nConcept,B,LAB,S,T,{big}x\nOrganization,O")
        assert [line["tree"] is None for line in lines] == [False, True, False], "bounds of a cell"

    def test_faults_take_no_time_by_the_file(self):
        """Whatever the ends of lines are: each fault is found near where it is."""
        for text in ("[" + ",".join("{x}" for _ in range(300000)) + "]",
                     HEAD + "\r" + "Concept,A,LAB,S,T,b\"c\r" * 300000,
                     HEAD + "\n" + "Concept,A,LAB,S,T,\"c\n" * 100000,
                     "{}\n" + "\n" * 3000000 + "{x}"):
            self.run_probe(text, "--count", limit=30)

    # ---- Exports ----

    def test_exports_become_lines(self):
        lines = self.trees(json.dumps(EXPORT))
        assert lines == EXPORT_LINES, lines
        assert self.trees(json.dumps(dict(reversed(EXPORT.items())), indent=1)) == EXPORT_LINES
        assert self.trees(self.pack(("export.json", json.dumps(EXPORT)))) == EXPORT_LINES
        assert self.trees(json.dumps({**EXPORT, "version": "HEAD"})) == EXPORT_LINES[:-1]
        lines = self.read(json.dumps({**EXPORT, "mappings": [7]}))
        assert "mappings[0], line 1 of it, column 1" in lines[-2]["fault"], lines

    def test_parents_in_exports_come_first(self):
        """However far away; a cycle is left to the import, which names it."""
        def ids(*pairs):
            rows = [{**CONCEPT, "id": i, "parent_concept_urls": [f"{URL}concepts/{p}/" for p in ps]}
                    for i, *ps in pairs]
            return [t["id"] for t in self.trees(json.dumps({**EXPORT, "concepts": rows}))[1:-2]]
        assert ids("Za", "ab", "bc", "c") == ["c", "b", "a", "Z"]
        assert ids("c", "bc", "ab", "Z") == ["Z", "c", "b", "a"]
        assert ids(("a b",), ("x", "a%20b", "none"), ("y", "x")) == ["a b", "x", "y"]
        assert sorted(ids("ab", "bc", "ca")) == ["a", "b", "c"]
        many = [str(i) for i in range(5000)]
        assert ids(("top",), *((i, "top") for i in many)) == ["top", *reversed(many)]
        assert ids(*((str(i), str(i + 1)) for i in range(5000)))[0] == "4999"

    def test_exports_of_collections(self):
        collection = {"type": "Collection", "short_code": "K", "name": "k", "uuid": "1", **OWNED}
        export = {"type": "Collection Version", "version": "1", "short_code": "K", **OWNED,
                  "collection": collection, "concepts": EXPORT["concepts"],
                  "references": [{"expression": "/b/", "include": False}, {"expression": "/a/"}],
                  "mappings": []}
        place = {**OWNED, "collection": "K"}
        assert self.trees(json.dumps(export)) == [
            {"type": "Collection", **OWNED, "id": "K", "name": "k"},
            {"type": "Reference", **place, "data": {"expressions": ["/a/"]}},
            {"type": "Reference", **place, "data": {"expressions": ["/b/"], "exclude": True}},
            {"type": "Collection Version", **place, "id": "1"}]

    def test_exports_that_are_cut_short(self):
        text = json.dumps(EXPORT)
        at = text.index('"concepts"')
        for end in (at + 20, at + 200, len(text) - 1):
            self.refused(text[:end], "export", "cut short", f"line 1, column {end + 1}")
        self.refused(text + "x", "export", "broken")


NAME = {"uuid": "1", "name": "a", "locale": "en", "locale_preferred": True, "name_type": None,
        "external_id": "n1", "type": "ConceptName", "checksum": "c"}
CONCEPT = {"type": "Concept", "uuid": "7", "id": "A", "external_id": None, "concept_class": "Test",
           "datatype": "N/A", "display_name": "a", "names": [NAME], "descriptions": None,
           "extras": {"z": None}, "retired": True, "retire_reason": "old", "url": URL + "concepts/A/",
           "parent_concept_urls": ["/p/"], "checksums": {}, "owner_url": "/orgs/LAB/", **PLACE}
MAPPING = {"type": "Mapping", "id": "m", "map_type": "SAME-AS", "from_concept_url": "/f/",
           "to_concept_url": None, "to_source_url": "/s/", "to_concept_code": "c",
           "to_concept_name_resolved": "r", "sort_weight": 2, "created_by": "x", **PLACE}
EXPORT = {"type": "Source Version", "id": "v1", "short_code": "S", "version": "v1", "released": True,
          "description": "d", "uuid": "9", "extras": {"e": 1}, **OWNED,
          "source": {"type": "Source", "uuid": "3", "id": "S", "short_code": "S", "name": "s",
                     "hierarchy_root_url": "/r/", "supported_locales": ["en"], "text": None, **OWNED},
          "concepts": [{**CONCEPT, "id": "B"}, CONCEPT], "mappings": [MAPPING],
          "export_time": "0secs"}
EXPORT_LINES = [
    {"type": "Source", **OWNED, "id": "S", "name": "s", "supported_locales": ["en"]},
    *({"type": "Concept", **PLACE, "id": i, "concept_class": "Test", "datatype": "N/A",
       "names": [{"name": "a", "locale": "en", "locale_preferred": True, "external_id": "n1"}],
       "extras": {"z": None}, "retired": True, "retire_reason": "old",
       "parent_concept_urls": ["/p/"]} for i in "AB"),
    {"type": "Mapping", **PLACE, "id": "m", "map_type": "SAME-AS", "from_concept_url": "/f/",
     "to_source_url": "/s/", "to_concept_code": "c", "sort_weight": 2},
    {"type": "Source Version", **PLACE, "id": "v1", "description": "d", "released": True,
     "extras": {"e": 1}}]

# ---- From one installation to another ----

# What V620 lets differ, and what follows from it.
DIFFERS = {"uuid", "created_on", "updated_on", "created_at", "updated_at", "created_by", "updated_by",
           "version_created_on", "version_updated_on", "version_created_by", "version_updated_by",
           "version_url", "previous_version_url", "version", "versioned_object_id", "checksum",
           "latest_source_version"}
RICH = [
    ORG,
    {"type": "Source", **OWNED, "id": "S", "name": "s", "full_name": "Source", "description": "d",
     "source_type": "Dictionary", "default_locale": "fr", "supported_locales": ["fr", "en"],
     "website": "https://lab.org/", "external_id": "x", "extras": {"a": [1, None, {"b": "é"}]},
     "canonical_url": "https://lab.org/s", "publisher": "P", "purpose": "p", "copyright": "c",
     "content_type": "complete", "revision_date": "2020-01-01", "text": "t", "identifier": "i",
     "contact": "Ada", "jurisdiction": "EU", "meta": "m", "experimental": True,
     "case_sensitive": False, "compositional": True, "hierarchy_meaning": "is-a",
     "version_needed": "no", "custom_validation_schema": "None", "public_access": "View",
     "autoid_mapping_mnemonic": "sequential", "autoid_mapping_mnemonic_start_from": 5},
    *({"type": "Concept", **PLACE, "id": i, "concept_class": "Test", "datatype": "N/A",
       "names": [{"name": "n" + i, "locale": "en", "locale_preferred": True, "name_type": "Short",
                  "external_id": "e" + i}, {"name": "été", "locale": "fr", "retired": True,
                                            "retire_reason": "spelling"}],
       "descriptions": [{"description": "d", "locale": "en", "external_id": "de"}],
       "external_id": "x" + i, "extras": {"k": {"l": [i]}}, **more}
      for i, more in (("A", {}), ("a b%c", {"retired": True, "retire_reason": "old"}),
                      ("C", {"parent_concept_urls": [URL + "concepts/A/"]}))),
    {"type": "Mapping", **PLACE, "id": "m", "map_type": "SAME-AS",
     "from_concept_url": URL + "concepts/A/", "to_concept_url": URL + "concepts/C/",
     "sort_weight": 1.5, "external_id": "y", "extras": {"m": 1}},
    {"type": "Mapping", **PLACE, "map_type": "BROADER-THAN", "from_source_url": URL,
     "from_concept_code": "C", "to_source_url": "https://elsewhere.org/x", "to_concept_code": "q",
     "to_concept_name": "Q", "to_source_version": "3", "retired": True, "retire_reason": "wrong"},
    {"type": "Source Version", **PLACE, "id": "v1", "description": "first", "released": True,
     "extras": {"v": 1}, "external_id": "vx"},
]


def export_of(client):
    """What V619 has, out of the API: every row, newest first."""
    at = "/v2" + URL + "v1/"
    export = client.expect(200, "GET", at).json()
    export["source"] = client.expect(200, "GET", "/v2" + URL).json()
    for kind in ("concepts", "mappings"):
        rows, page = [], 1
        while len(rows) == 1000 * (page - 1):
            path = f"{at}{kind}/?verbose=true&includeRetired=true&limit=1000&page={page}"
            rows += client.expect(200, "GET", path).json()
            page += 1
        export[kind] = sorted(rows, key=lambda row: -int(row["version"]))
    return export


def same_for_both(value):
    if isinstance(value, list):
        return [same_for_both(v) for v in value]
    if isinstance(value, dict):
        return {k: same_for_both(v) for k, v in value.items() if k not in DIFFERS}
    return value


class Moves:
    def __init__(self, nestor, cluster):
        self.nestor, self.cluster = nestor, cluster

    def take(self, site, name, text):
        p = site.run("import", site.write(name, text))
        assert p.returncode == 0, (p.stdout, p.stderr, [
            open(site.path(f), encoding="utf-8").read() for f in os.listdir(site.path("."))
            if f.endswith(".errors.jsonl")])

    def test_an_export_is_the_same_elsewhere(self):
        """[V620] Also where a parent has more children than are imported at a time."""
        children = [{"type": "Concept", **PLACE, "id": f"P{i}", "concept_class": "Test",
                     "datatype": "N/A", "names": [{"name": f"p{i}", "locale": "en"}],
                     "parent_concept_urls": [URL + "concepts/A/"]} for i in range(1100)]
        with Site(self.nestor, self.cluster) as here, Site(self.nestor, self.cluster) as there:
            here.init()
            there.init()
            self.take(here, "x.jsonl", "\n".join(json.dumps(line) for line in
                                                   [*RICH[:-1], *children, RICH[-1]]))
            with here.serve() as server:
                first = export_of(server.client())
            assert len(first["concepts"]) == 1103 and len(first["mappings"]) == 2, first
            self.take(there, "o.json", json.dumps(ORG))
            self.take(there, "export.json", json.dumps(first))
            with there.serve() as server:
                second = export_of(server.client())
            self.compare(first, second)

    @staticmethod
    def compare(first, second):
        these, those = same_for_both(first), same_for_both(second)
        for part in these:
            mine, other = these[part], those.get(part)
            if isinstance(mine, list) and mine != other:
                assert [r.get("id") for r in mine] == [r.get("id") for r in other], "the order"
                mine, other = next((x, y) for x, y in zip(mine, other) if x != y)
            if isinstance(mine, dict) and mine != other:
                mine, other = next(((k, v), (k, other.get(k))) for k, v in mine.items()
                                   if v != other.get(k))
            assert mine == other, f"{part}: {mine} and {other}"

    def test_tables_are_imported(self):
        """[V614] A table of all types, through the program; a second time changes nothing."""
        table = ("resource_type,owner_id,source,id,name,concept_class,map_type[1],"
                 "map_to_concept_id[1],released,description\n"
                 "Concept,LAB,S,A,Ä,Test,Narrower Than,B,,\n"
                 "concept,LAB,S,B,b,Test,,,,about\nMapping,LAB,S,m,,,,,,\n"
                 "Source Version,LAB,S,v1,,,,,TRUE,first\n"
                 "Source,LAB,,S,s,,,,,\nOrganization,,,LAB,Lab,,,,,\n")
        with Site(self.nestor, self.cluster) as site:
            site.init()
            path = site.write("x.csv", table)
            p = site.run("import", path)
            assert p.returncode == 1 and "created: 6" in p.stdout and "invalid: 1" in p.stdout, \
                p.stdout + p.stderr
            with open(path + ".errors.jsonl", encoding="utf-8") as f:
                assert json.load(f)["line"] == 4
            with open(path + ".refused.csv", encoding="utf-8") as f:
                refused = f.read()
            head, row, end = refused.split("\n")
            assert head + "\n" in table and row == "Mapping,LAB,S,m,,,,,," and not end, refused
            p = site.run("import -", stdin=refused)
            assert "invalid: 1" in p.stdout, p.stdout
            mended = head + ",from_concept_url,to_concept_url\n" + \
                f"{row},{URL}concepts/B/,{URL}concepts/A/\n"
            p = site.run("import -", stdin=mended)
            assert "created: 1" in p.stdout, p.stdout
            assert not os.path.exists(site.path("import.refused.csv")), "misleads"
            p = site.run("import", path)
            assert "exists: 3" in p.stdout and "unchanged: 3" in p.stdout, p.stdout


def main():
    options = arguments(__doc__, **{"probe-dir": ""})
    folder = options.probe_dir or os.path.dirname(options.nestor)
    tally = Tally()
    forms = Forms(os.path.join(os.path.abspath(folder), "tests/unit/ocl/lines_probe"))
    for name in sorted(n for n in dir(forms) if n.startswith("test_")):
        tally.run(name[5:].replace("_", " "), getattr(forms, name))
    for engine, cluster in engines():
        moves = Moves(options.nestor, cluster)
        for name in sorted(n for n in dir(moves) if n.startswith("test_")):
            tally.run(f"{engine}: {name[5:].replace('_', ' ')}", getattr(moves, name))
    return tally.finish()


if __name__ == "__main__":
    raise SystemExit(main())
