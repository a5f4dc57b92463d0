-- What this journal is called. A call id is unique in one journal: in a database to which several are delivered, or one
-- that was begun anew, this tells them apart.

INSERT INTO service_meta (key, value) VALUES ('journal', lower(hex(randomblob(16)))) ON CONFLICT (key) DO NOTHING;
