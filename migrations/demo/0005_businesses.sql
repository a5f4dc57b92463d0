-- Demo rows: the businesses that the other demo rows belong to. Neither Rwanda nor Malta sets numbers aside for
-- fiction; these begin with 70, which no number assigned there does. The exports take no calls.

INSERT INTO businesses (id, name, phone_number, country, currency, language)
VALUES
    ('agaseke-kigali', 'Agaseke Terrace, Kigali', '+250700000001', 'RW', 'RWF', 'en'),
    ('bastion-valletta', 'Bastion Table, Valletta', '+35670000001', 'MT', 'EUR', 'en'),
    ('agaseke-exports', 'Agaseke Coffee Exports, Kigali', NULL, 'RW', 'USD', 'en');

INSERT INTO configurations (business_id, key, value)
VALUES
    ('bastion-valletta', 'greeting_message', 'Merhba, this is Bastion Table in Valletta. What can I do for you?'),
    ('bastion-valletta', 'default_persona', 'waiter');
