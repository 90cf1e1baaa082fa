--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';

CREATE TABLE public.comments (
    id text NOT NULL,
    "pageId" text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "deletedAt" timestamp(3) without time zone,
    by_nickname text NOT NULL
);

COPY public.comments (id, "pageId", created_at, updated_at, "deletedAt", "moderatorId", by_email, by_nickname, content, approved, "parentId") FROM stdin;
c1	p1	2021-05-01 10:00:00.123	2021-05-01 10:00:00	\N	\N	alice@example.com	Alice	Two lines,\nand a tab:\t\\	t	\N
c2	p2	2021-05-02 10:00:00	2021-05-02 10:00:00	\N	\N	\N	Bob	Held	f	\N
c3	p1	2021-05-03 10:00:00	2021-05-03 10:00:00	\N	u1	owner@example.com	Owner	*Thanks*	t	c1
c4	p1	2021-05-04 10:00:00	2021-05-04 10:00:00	2021-05-05 10:00:00	\N	\N	Mallory	Buy	t	\N
c5	p3	2021-05-04 10:00:00	2021-05-04 10:00:00	\N	\N	\N	Carol	On a closed site	t	\N
broken row
\.


COPY public.pages (id, slug, url, title, created_at, updated_at, "projectId") FROM stdin;
p1	/a/	https://example.com/a/	Page A	2021-05-01 10:00:00	2021-05-01 10:00:00	s1
p2	/b/	\N	\N	2021-05-01 10:00:00	2021-05-01 10:00:00	s1
p3	c	https://example.com/c/	Page C	2021-05-01 10:00:00	2021-05-01 10:00:00	s2
\.


COPY public.projects (id, title, created_at, updated_at, deleted_at, "ownerId", token) FROM stdin;
s1	Site	2021-05-01 10:00:00	2021-05-01 10:00:00	\N	u1	\N
s2	Old	2021-05-01 10:00:00	2021-05-01 10:00:00	2021-06-01 10:00:00	u1	\N
\.

--
-- PostgreSQL database dump complete
--
